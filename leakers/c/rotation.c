/* Looks like a leak: a log on tmpfs that grows, and is rotated.
 *
 *     segment 3: written   segment 2, 1, 0: kept   older ones: removed
 *
 * Shmem grows like a tmpfs leak until the fourth segment is full; then each new one takes the place
 * of the oldest: a sawtooth on a high floor. The segments have no names (O_TMPFILE).
 */
#include "harness.h"
#include <fcntl.h>

enum { SEGMENTS = 4 };
static int segments[SEGMENTS] = {-1, -1, -1, -1}, current = -1;
static char *chunk;
static size_t written;

static bool rotate(void)
{
    current = (current + 1) % SEGMENTS;
    if (segments[current] >= 0)
        close(segments[current]); /* the oldest goes */
    segments[current] = open("/dev/shm", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    written = 0;
    return segments[current] >= 0;
}

static bool work(struct unit *unit)
{
    (void)unit;
    if ((current < 0 || written + options.chunk > options.cap / SEGMENTS) && !rotate())
        return false;
    ssize_t done = write(segments[current], chunk, options.chunk); GROWS_HERE();
    written += options.chunk;
    return done == (ssize_t)options.chunk;
}

static bool start(void)
{
    chunk = calloc(1, options.chunk);
    return chunk;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "rotation", .pattern = "none", .lookalike = true, .rate = "4MiB/s", .chunk = 256 * KIB,
        .cap = 16 * MIB, .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = work});
}
