/* Leaks memory files that are held by a descriptor only.
 *
 *     /proc/PID/fd/4 ----> /memfd:leak (deleted)
 *     +---------+          +------------+
 *     | process |          |  pages     |   mapped nowhere: in no smaps at all
 *     +---------+          +------------+
 *
 * What write(2) puts into a memfd is nobody's RSS. VSZ and RSS do not move; Shmem does, and the
 * only trace of the culprit is a number in /proc/PID/fd. Gone with the process.
 * --control closes the descriptor in the same event.
 */
#include "harness.h"
#include <sys/mman.h>

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
    unit->fd[0] = memfd_create("leak", MFD_CLOEXEC); LEAKS_HERE();
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
        .name = "memfd-descriptor", .pattern = "memfd", .rate = "4MiB/s", .chunk = 1 * MIB, .cap = 64 * MIB,
        .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = leak, .give_back = give_back});
}
