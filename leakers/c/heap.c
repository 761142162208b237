/* Leaks small blocks of the malloc heap.
 *
 *     leak()'s frame          [heap], grown by brk(2)
 *     +-------+               +--------+--------+--------+ - - -
 *     | block |-------------> | block  |  lost  |  lost  |
 *     +-------+  dies with    +--------+--------+--------+ - - -
 *                the frame     ^ nobody points here any more: it cannot be freed
 *
 * malloc takes blocks below its mmap threshold (128 KiB) from [heap]; larger ones would become
 * mappings of their own. A block costs 16 bytes more than asked for: malloc's header.
 * --control frees the block in the same event: the heap stays as it is.
 */
#include "harness.h"

static bool leak(void)
{
    char *block = malloc(options.chunk); LEAKS_HERE(); /* the only pointer to it */
    if (!block)
        return false;
    touch(block, options.touched);
    if (options.control)
        free(block);
    return true; /* the block stays, the pointer goes */
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "heap", .pattern = "heap", .rate = "2MiB/s", .chunk = 64 * KIB, .chunk_below = 128 * KIB,
        .cap = 64 * MIB, .basis = "resident", .touch = 1, .leak = leak});
}
