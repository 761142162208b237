/* Leaks large blocks of malloc, which are private anonymous mappings.
 *
 *     unit --> +----+--------------------------+
 *              | 16 | the block                |  mmap(2) of its own: [heap] does not move
 *              +----+--------------------------+
 *                ^ malloc's header pushes the block into one page more
 *
 * From the mmap threshold on (128 KiB) malloc asks the kernel for each block. The threshold is
 * fixed here: by default the first free of such a block would raise it, and the next one would
 * come from [heap]. --control frees the block in the same event, which unmaps it.
 */
#include "harness.h"
#include <malloc.h>

static bool start(void)
{
    return mallopt(M_MMAP_THRESHOLD, 128 * KIB) == 1;
}

static bool leak(struct unit *unit)
{
    unit->address = malloc(options.chunk); LEAKS_HERE();
    if (unit->address)
        touch(unit->address, options.touched);
    return unit->address;
}

static void give_back(struct unit *unit)
{
    free(unit->address);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "anonymous-malloc", .pattern = "anonymous", .rate = "4MiB/s", .chunk = 1 * MIB,
        .chunk_from = 128 * KIB, .elsewhere = "smaller blocks come from [heap], which is the leaker `heap`",
        .cap = 64 * MIB, .basis = "resident", .touch = 1, .start = start, .leak = leak, .give_back = give_back});
}
