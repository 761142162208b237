/* Leaks pages of a tmpfs file that only ever grows.
 *
 *     process                     tmpfs on /dev/shm
 *     +------------+   write(2)   +----+----+----+----+ - -
 *     | descriptor |------------> |    pages of the file    belong to the file, not to the process
 *     +------------+              +----+----+----+----+ - -
 *
 * The process's RSS does not move: pages that are written and not mapped are in nobody's smaps.
 * The machine's Shmem grows, and the pages stay until the file is removed and closed.
 * --control writes the same and cuts the file back in the same event.
 *
 * The file lies in $MEMLAB_TMPFS, which the supervisor makes and removes. Without that it has no
 * name at all (O_TMPFILE), so that nothing stays behind however this program is ended.
 */
#include "harness.h"
#include <fcntl.h>
#include <limits.h>

static char path[PATH_MAX];
static char *chunk;
static off_t length;
static int file = -1;

static bool leak(struct unit *unit)
{
    (void)unit; /* the bytes have no name of their own: they are the file's tail */
    for (size_t done = 0; done < options.chunk;) {
        ssize_t more = pwrite(file, chunk + done, options.chunk - done, length + done); LEAKS_HERE();
        if (more < 0)
            return false;
        done += more;
    }
    length += options.chunk;
    return true;
}

static void give_back(struct unit *unit)
{
    (void)unit;
    length -= options.chunk;
    (void)!ftruncate(file, length);
}

static bool start(void)
{
    const char *folder = getenv("MEMLAB_TMPFS");
    if (folder) {
        snprintf(path, sizeof path, "%s/leak", folder);
        file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    } else {
        file = open("/dev/shm", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    }
    chunk = calloc(1, options.chunk);
    return file >= 0 && chunk;
}

static void end(void)
{
    if (path[0])
        unlink(path);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "tmpfs", .pattern = "tmpfs", .rate = "4MiB/s", .chunk = 256 * KIB, .cap = 64 * MIB,
        .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = leak, .give_back = give_back, .end = end});
}
