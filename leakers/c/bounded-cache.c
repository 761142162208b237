/* Looks like a leak: a cache that grows until it is full, and from then on replaces the oldest.
 *
 *     cache  [ a ][ b ][ c ][ d ] - -    cap / chunk places
 *              ^ the next one goes here, and a is freed
 *
 * RSS rises and then stays, while the program allocates as before.
 */
#include "harness.h"

static char **places;
static size_t size, next;

static bool work(struct unit *unit)
{
    (void)unit;
    free(places[next]);
    places[next] = malloc(options.chunk); GROWS_HERE();
    if (!places[next])
        return false;
    touch(places[next], options.touched);
    next = (next + 1) % size;
    return true;
}

static bool start(void)
{
    size = options.cap / options.chunk;
    errno = EINVAL;
    return size && (places = calloc(size, sizeof *places));
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "bounded-cache", .pattern = "none", .lookalike = true, .rate = "4MiB/s", .chunk = 64 * KIB,
        .cap = 16 * MIB, .basis = "resident", .touch = 1, .start = start, .leak = work});
}
