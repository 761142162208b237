/* Looks like a leak: one byte in each 2 MiB is written, and whole huge pages become resident.
 *
 *     area    |------ 2 MiB ------|------ 2 MiB ------|
 *             w                   w                        w: one byte
 *     RSS     +2 MiB              +2 MiB                   AnonHugePages in smaps
 *
 * The program's data are a few bytes; transparent huge pages (madvise here) make them megabytes.
 * RSS grows until the area is full, and stays. Without huge pages each write costs 4 KiB.
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
    area[place] = 1; GROWS_HERE();
    place += options.chunk;
    return true;
}

static bool start(void)
{
    area = mmap(NULL, options.cap + 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
        return false;
    area += 2 * MIB - (uintptr_t)area % (2 * MIB);
    madvise(area, options.cap, MADV_HUGEPAGE); /* a kernel without them shows 4 KiB a write */
    return true;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "huge-pages", .pattern = "none", .lookalike = true, .rate = "2/s", .chunk = 2 * MIB,
        .cap = 32 * MIB, .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = work});
}
