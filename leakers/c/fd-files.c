/* Leaks open files: a descriptor each, for a file that is long read.
 *
 *     /proc/PID/fd
 *     4 -> /etc/passwd      an open file description each: 232 bytes of the slab filp,
 *     5 -> /etc/passwd      and a place in the process's table
 *     6 -> /etc/passwd
 *
 * The classic of an early return between open and close. --control closes it in the same event.
 */
#include "harness.h"
#include <fcntl.h>

static bool leak(struct unit *unit)
{
    unit->fd[0] = open("/etc/passwd", O_RDONLY | O_CLOEXEC); LEAKS_HERE();
    return unit->fd[0] >= 0;
}

static void give_back(struct unit *unit)
{
    close(unit->fd[0]);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "fd-files", .pattern = "fd", .rate = "40/s", .cap = 400, .basis = "count",
        .touch = NEVER_TOUCHED, .leak = leak, .give_back = give_back});
}
