/* Leaks deleted files on tmpfs that are still open.
 *
 *     /proc/PID/fd/4 ---> /dev/shm/... (deleted)
 *     +---------+         +------------+
 *     | process |         |  pages     |   no name leads there: ls and du see nothing
 *     +---------+         +------------+
 *
 * rm took the name; the descriptor keeps the pages. df says that tmpfs is full, du says that it is
 * empty: the difference is held by descriptors. Gone with the process.
 * --control closes the descriptor in the same event.
 */
#include "harness.h"
#include <fcntl.h>

static char *chunk;

static bool fill(int file)
{
    for (size_t done = 0; done < options.chunk;) {
        ssize_t more = write(file, chunk + done, options.chunk - done);
        if (more < 0)
            return false;
        done += more;
    }
    return true;
}

static bool leak(struct unit *unit)
{
    unit->fd[0] = open("/dev/shm", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600); LEAKS_HERE();
    return unit->fd[0] >= 0 && fill(unit->fd[0]);
}

static void give_back(struct unit *unit)
{
    close(unit->fd[0]);
}

static bool start(void)
{
    chunk = calloc(1, options.chunk);
    return chunk;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "tmpfs-deleted", .pattern = "tmpfs", .rate = "4MiB/s", .chunk = 1 * MIB, .cap = 64 * MIB,
        .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = leak, .give_back = give_back});
}
