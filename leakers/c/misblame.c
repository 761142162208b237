/* Leaks small blocks of the malloc heap, and lets an innocent function ask the kernel for all of it.
 *
 *     [heap], grown by brk(2)
 *     +------+------+------+------+ - - - - - - - - - - - - - - - +
 *     | lost | lost | lost | lost |   top: taken and given back   |
 *     +------+------+------+------+ - - - - - - - - - - - - - - - +
 *      ^ remember() takes from      ^ answer() needs more than the rest: it calls brk, and
 *        the top, without brk         frees all of it a moment later
 *
 * Every brk has answer() in its stack and none has remember(): strace, perf and bpftrace on brk accuse
 * who asked when the heap was full. Who follows each block (heaptrack) names remember().
 * --control frees the block in the same event: the heap stays as it is.
 */
#include "harness.h"

/* Below malloc's mmap threshold of 128 KiB; malloc keeps as much on top when it is freed (M_TOP_PAD). */
enum { LARGE = 120 * KIB };

/* Innocent: what it takes it gives back. */
__attribute__((noinline)) static bool answer(void)
{
    char *text = malloc(LARGE);
    if (!text)
        return false;
    touch(text, LARGE);
    free(text);
    return true;
}

/* Guilty: nothing of it is ever freed. */
__attribute__((noinline)) static bool remember(struct unit *unit)
{
    unit->address = malloc(options.chunk); LEAKS_HERE(); /* the only pointer to it */
    if (unit->address)
        touch(unit->address, options.chunk);
    return unit->address; /* the block stays, the pointer goes */
}

static bool leak(struct unit *unit)
{
    return remember(unit) && answer();
}

static void give_back(struct unit *unit)
{
    free(unit->address);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "misblame", .pattern = "heap", .rate = "1MiB/s", .chunk = 16 * KIB, .chunk_below = 64 * KIB,
        .elsewhere = "larger blocks would have to call brk themselves", .cap = 32 * MIB, .basis = "resident",
        .touch = WHOLLY_TOUCHED, .start = answer, .leak = leak, .give_back = give_back});
}
