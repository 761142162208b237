/* Leaks pages of a tmpfs file that only ever grows.
 *
 *     process                     tmpfs on /dev/shm
 *     +------------+   write(2)   +----+----+----+----+ - -
 *     | descriptor |------------> |    pages of the file    belong to the file, not to the process
 *     +------------+              +----+----+----+----+ - -
 *
 * The process's RSS does not move: pages that are written and not mapped are in nobody's smaps.
 * The machine's Shmem grows, and the pages stay until the file is removed and closed.
 * --control writes the same and cuts the file back to nothing in the same event.
 *
 * The file lies in $MEMLAB_TMPFS, which the supervisor makes and removes. Without that it has no
 * name at all (O_TMPFILE), so that nothing stays behind however this program is ended.
 */
#include "harness.h"
#include <fcntl.h>
#include <limits.h>

static char path[PATH_MAX];
static char *chunk;
static int file = -1;

static bool leak(void)
{
    size_t written = 0;
    while (written < options.chunk) {
        ssize_t more = write(file, chunk + written, options.chunk - written); LEAKS_HERE();
        if (more < 0)
            return false;
        written += more;
    }
    return !options.control || (ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0);
}

static void end(void)
{
    if (path[0])
        unlink(path);
}

int main(int argc, char **argv)
{
    const char *folder = getenv("MEMLAB_TMPFS");
    struct leaker leaker = {
        .name = "tmpfs", .pattern = "tmpfs", .rate = "4MiB/s", .chunk = 256 * KIB,
        .cap = 64 * MIB, .basis = "resident", .touch = 1, .leak = leak, .end = end};
    self = leaker;
    parse_options(argc, argv); /* before anything is made that would have to be removed */
    optind = 1;
    if (folder) {
        snprintf(path, sizeof path, "%s/leak", folder);
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    } else {
        file = open("/dev/shm", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    }
    chunk = calloc(1, options.chunk);
    if (file < 0 || !chunk) {
        int why = errno;
        end();
        refuse("cannot make a file in %s: %s", folder ? folder : "/dev/shm", strerror(why));
    }
    return leaker_main(argc, argv, leaker);
}
