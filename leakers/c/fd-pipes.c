/* Leaks pipes: two descriptors each, that nobody closes.
 *
 *     /proc/PID/fd       the kernel
 *     4 -> pipe:[71] --> +------------------+
 *     5 -> pipe:[71] --> | pipe, 16 slots   |  about a kilobyte, empty
 *                        +------------------+
 *
 * Every read of a child's output that ends early can do this. Memory hardly moves: what runs out
 * is ulimit -n, and the next open fails with EMFILE. --control closes both in the same event.
 */
#include "harness.h"

static bool leak(struct unit *unit)
{
    bool made = pipe(unit->fd) == 0; LEAKS_HERE();
    return made;
}

static void give_back(struct unit *unit)
{
    close(unit->fd[0]);
    close(unit->fd[1]);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "fd-pipes", .pattern = "fd", .rate = "20/s", .cap = 200, .basis = "count",
        .touch = NEVER_TOUCHED, .leak = leak, .give_back = give_back});
}
