/* Looks like a leak: a file that is written faster than the disk takes it.
 *
 *     process ---write---> page cache, dirty ---writeback, by and by---> disk
 *
 * Cached and Dirty in meminfo grow; once it is written back it can be dropped. The file is written
 * over and over, up to the cap.
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
    ssize_t done = pwrite(file, chunk, options.chunk, place); GROWS_HERE();
    place += options.chunk;
    return done == (ssize_t)options.chunk;
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
        .name = "dirty-cache", .pattern = "none", .lookalike = true, .rate = "4MiB/s", .chunk = 1 * MIB,
        .cap = 64 * MIB, .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = work});
}
