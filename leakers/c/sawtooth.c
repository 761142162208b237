/* Looks like a leak: garbage that piles up until a collector comes.
 *
 *     RSS     /|  /|  /|
 *            / | / | / |     each tooth cap / rate seconds long: 4 by default,
 *           /  |/  |/  |     60 with --rate 256KiB/s
 *
 * Seen for less than a tooth it grows like a leak; its floor stays where it was.
 */
#include "harness.h"
#include <sys/mman.h>

static char *area;
static size_t used;

static bool work(struct unit *unit)
{
    (void)unit;
    if (used + options.chunk > options.cap) {
        madvise(area, used, MADV_DONTNEED); /* the collection */
        used = 0;
    }
    touch(area + used, options.touched); GROWS_HERE();
    used += options.chunk;
    return true;
}

static bool start(void)
{
    area = mmap(NULL, options.cap + options.chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return area != MAP_FAILED;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "sawtooth", .pattern = "none", .lookalike = true, .rate = "4MiB/s", .chunk = 256 * KIB,
        .cap = 16 * MIB, .basis = "resident", .touch = 1, .start = start, .leak = work});
}
