/* Leaks the holes between small blocks: over 15 of 16 bytes are freed, nothing returns.
 *
 *     [heap], grown by brk(2)
 *     +------------------+---+------------------+---+------------------+---+ - -
 *     |   freed: a hole  |pin|   freed: a hole  |pin|   freed: a hole  |pin|
 *     +------------------+---+------------------+---+------------------+---+ - -
 *                          ^ still in use, so brk cannot go back below it
 *
 * Each block is a little larger than the last, as buffers of a growing log line are: it fits into
 * none of the holes, and the heap grows by another one. malloc's own accounts would show free
 * memory; the kernel sees a heap that only grows.
 * --control frees the pin too, and the heap shrinks back.
 */
#include "harness.h"

static size_t hole;

static bool leak(struct unit *unit)
{
    hole = hole ? hole + 16 : options.chunk * 15 / 16; /* malloc's blocks come in steps of 16 bytes */
    size_t pinned = options.chunk > hole + 64 ? options.chunk - hole : 0;
    char *block = malloc(hole), *pin = block ? malloc(hole) : NULL; /* neither fits into a hole */
    if (!pinned || !pin) {
        errno = pinned ? ENOMEM : ERANGE;
        free(block);
        return false;
    }
    touch(block, hole);
    unit->address = realloc(pin, pinned); LEAKS_HERE(); /* its tail goes back to the top of the heap */
    touch(unit->address, pinned);
    free(block); /* and this one cannot: the pin lies above it */
    return true;
}

static void give_back(struct unit *unit)
{
    free(unit->address);
    hole -= 16; /* no hole was left, so the same size will do */
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "heap-fragments", .pattern = "heap", .rate = "1MiB/s", .chunk = 60 * KIB, .chunk_from = 16 * KIB,
        .chunk_below = 128 * KIB, .elsewhere = "smaller ones pin too few, larger ones become mappings",
        .cap = 12 * MIB, .basis = "resident", .touch = WHOLLY_TOUCHED, .leak = leak, .give_back = give_back});
}
