/* Leaks small blocks of the malloc heap.
 *
 *     the harness's frame     [heap], grown by brk(2)
 *     +-------+               +--------+--------+--------+ - - -
 *     | unit  |-------------> | block  |  lost  |  lost  |
 *     +-------+  dies with    +--------+--------+--------+ - - -
 *                the frame     ^ nobody points here any more: it cannot be freed
 *
 * malloc takes blocks below its mmap threshold (128 KiB) from [heap]; larger ones would become
 * mappings of their own. A block costs 16 bytes more than asked for: malloc's header.
 * --control frees the block in the same event: the heap stays as it is.
 */
#include "harness.h"

static bool leak(struct unit *unit)
{
    unit->address = malloc(options.chunk); LEAKS_HERE(); /* the only pointer to it */
    if (unit->address)
        touch(unit->address, options.touched);
    return unit->address; /* the block stays, the pointer goes */
}

static void give_back(struct unit *unit)
{
    free(unit->address);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "heap", .pattern = "heap", .rate = "2MiB/s", .chunk = 64 * KIB, .chunk_below = 128 * KIB,
        .elsewhere = "larger blocks become mappings of their own, which is the leaker `anonymous-malloc`",
        .cap = 64 * MIB, .basis = "resident", .touch = 1, .leak = leak, .give_back = give_back});
}
