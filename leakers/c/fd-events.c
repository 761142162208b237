/* Leaks the descriptors of an event loop: an epoll, a timer and an event counter each.
 *
 *     /proc/PID/fd
 *     4 -> anon_inode:[eventpoll]     one loop that was made for a request
 *     5 -> anon_inode:[timerfd]       and never torn down
 *     6 -> anon_inode:[eventfd]
 *
 * They have no inode of their own and no file: only the names in /proc/PID/fd tell what they are.
 * --control closes all three in the same event.
 */
#include "harness.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static bool leak(struct unit *unit)
{
    unit->fd[0] = epoll_create1(EPOLL_CLOEXEC); LEAKS_HERE();
    unit->fd[1] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    unit->fd[2] = eventfd(0, EFD_CLOEXEC);
    return unit->fd[0] >= 0 && unit->fd[1] >= 0 && unit->fd[2] >= 0;
}

static void give_back(struct unit *unit)
{
    close(unit->fd[0]);
    close(unit->fd[1]);
    close(unit->fd[2]);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "fd-events", .pattern = "fd", .rate = "10/s", .cap = 100, .basis = "count",
        .touch = NEVER_TOUCHED, .leak = leak, .give_back = give_back});
}
