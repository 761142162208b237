/* Looks like a leak: a file that is read, and that the kernel keeps in case it is read again.
 *
 *     file on disk ---read---> page cache: Cached in meminfo grows, MemFree shrinks,
 *                              MemAvailable stays: it can be dropped at any moment
 *
 * The famous "Linux ate my RAM". RSS does not move; the file is read over and over, up to the cap.
 */
#include "harness.h"
#include <fcntl.h>

static char *chunk;
static int file;
static off_t place;

static bool work(struct unit *unit)
{
    (void)unit;
    if ((size_t)place + options.chunk > options.cap)
        place = 0;
    ssize_t got = pread(file, chunk, options.chunk, place); GROWS_HERE();
    place += options.chunk;
    return got >= 0;
}

static bool start(void)
{
    file = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); /* on disk, and without a name */
    chunk = calloc(1, options.chunk);
    return file >= 0 && chunk && ftruncate(file, options.cap) == 0;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "page-cache", .pattern = "none", .lookalike = true, .rate = "8MiB/s", .chunk = 1 * MIB,
        .cap = 64 * MIB, .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = work});
}
