/* Looks like a leak: memory that was freed, and that malloc keeps.
 *
 *     [heap]
 *     +------------------------------------------+-----+
 *     |   freed: malloc has it, not the kernel   | pin |   one small block at the top, in use:
 *     +------------------------------------------+-----+   brk cannot go back below it
 *
 * A burst fills the heap up to the cap, then all of it is freed but the last block. RSS stays; what
 * comes next is served from the free part, so nothing grows. malloc_trim would give it back.
 */
#include "harness.h"

static char **blocks;
static size_t most, made;

static bool work(struct unit *unit)
{
    (void)unit;
    if (made == most) { /* after the burst: served from what was freed */
        char *block = malloc(options.chunk);
        touch(block, options.touched);
        free(block);
        return true;
    }
    blocks[made] = malloc(options.chunk); GROWS_HERE();
    if (!blocks[made])
        return false;
    touch(blocks[made++], options.touched);
    for (size_t nth = 0; made == most && nth < most - 1; nth++)
        free(blocks[nth]);
    return true;
}

static bool start(void)
{
    most = options.cap / options.chunk;
    errno = EINVAL;
    return most > 1 && (blocks = calloc(most, sizeof *blocks));
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "retention", .pattern = "none", .lookalike = true, .rate = "8MiB/s", .chunk = 16 * KIB,
        .cap = 16 * MIB, .basis = "resident", .touch = 1, .start = start, .leak = work});
}
