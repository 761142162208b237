/* Looks like a leak: memory that was given back with MADV_FREE, and is still resident.
 *
 *     area   [ free ][ free ][ in use ][ not yet ]
 *              ^ LazyFree in smaps: the kernel takes it when it wants it, and not before
 *
 * As jemalloc and Go give memory back. RSS grows up to the area and stays; nothing of it is needed.
 */
#include "harness.h"
#include <sys/mman.h>

static char *area;
static size_t place;

static bool work(struct unit *unit)
{
    (void)unit;
    if (place + options.chunk > options.cap)
        place = 0;
    touch(area + place, options.touched); GROWS_HERE();
    bool given = madvise(area + place, options.chunk, MADV_FREE) == 0;
    place += options.chunk;
    return given;
}

static bool start(void)
{
    area = mmap(NULL, options.cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return area != MAP_FAILED;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "madv-free", .pattern = "none", .lookalike = true, .rate = "4MiB/s", .chunk = 256 * KIB,
        .cap = 16 * MIB, .basis = "resident", .touch = 1, .start = start, .leak = work});
}
