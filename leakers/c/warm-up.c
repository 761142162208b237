/* Looks like a leak: a program that fills its tables after the start, and then has them.
 *
 *     RSS       ____________      grows for cap / rate seconds (40 s by default),
 *          ____/                  then every request finds what it needs
 *
 * What a leak would do, too: grow from the first second on. Only time tells them apart.
 */
#include "harness.h"

static char **table;
static size_t entries, known;

static bool work(struct unit *unit)
{
    (void)unit;
    if (known == entries) {
        touch(table[ledger.units % entries], options.touched); /* a request that is answered */
        return true;
    }
    char *entry = malloc(options.chunk); GROWS_HERE();
    if (!entry)
        return false;
    touch(entry, options.touched);
    table[known++] = entry;
    return true;
}

static bool start(void)
{
    entries = options.cap / options.chunk;
    errno = EINVAL;
    return entries && (table = calloc(entries, sizeof *table));
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "warm-up", .pattern = "none", .lookalike = true, .rate = "1MiB/s", .chunk = 64 * KIB,
        .cap = 40 * MIB, .basis = "resident", .touch = 1, .start = start, .leak = work});
}
