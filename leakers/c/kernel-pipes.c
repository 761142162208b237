/* Leaks the buffers of pipes: written full, and never read.
 *
 *     /proc/PID/fd       the kernel
 *     4 -> pipe:[71] --> +------+------+------+- -
 *     5 -> pipe:[71] --> | page | page | page |     16 pages, 64 KiB
 *                        +------+------+------+- -
 *
 * No line of meminfo counts these pages and no process shows them: MemFree shrinks, and only the
 * memory cgroup knows. Gone with the process. --control closes the pipe in the same event.
 */
#include "harness.h"
#include <fcntl.h>

static char *chunk;

static bool leak(struct unit *unit)
{
    if (pipe2(unit->fd, O_NONBLOCK | O_CLOEXEC) != 0)
        return false;
    ssize_t written = write(unit->fd[1], chunk, options.chunk); LEAKS_HERE();
    if (written == (ssize_t)options.chunk)
        return true;
    close(unit->fd[0]); /* beyond fs.pipe-user-pages-soft a pipe has one page only */
    close(unit->fd[1]);
    errno = written < 0 ? errno : EDQUOT;
    return false;
}

static void give_back(struct unit *unit)
{
    close(unit->fd[0]);
    close(unit->fd[1]);
}

static bool start(void)
{
    chunk = calloc(1, options.chunk);
    return chunk;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "kernel-pipes", .pattern = "kernel", .rate = "1MiB/s", .chunk = 64 * KIB, .cap = 16 * MIB,
        .chunk_below = 64 * KIB + 1, .elsewhere = "a pipe has 16 pages",
        .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = leak, .give_back = give_back});
}
