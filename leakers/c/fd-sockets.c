/* Leaks sockets: connected, and never closed.
 *
 *     /proc/PID/fd           the kernel
 *     4 -> socket:[81] ----> [ socket | inode | file ] <--+
 *     5 -> socket:[82] ----> [ socket | inode | file ] <--+ each the other's peer
 *
 * As connections whose peer went away without a word. They cost kernel memory (slab sock_inode_cache,
 * UNIX) beside the descriptor; ss -x lists them. --control closes both in the same event.
 */
#include "harness.h"
#include <sys/socket.h>

static bool leak(struct unit *unit)
{
    bool made = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, unit->fd) == 0; LEAKS_HERE();
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
        .name = "fd-sockets", .pattern = "fd", .rate = "20/s", .cap = 200, .basis = "count",
        .touch = NEVER_TOUCHED, .leak = leak, .give_back = give_back});
}
