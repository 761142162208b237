/* Looks like a leak: a job that collects its result, writes it, and ends.
 *
 *     RSS     /|
 *            / |       grows for cap / rate seconds (20 by default), then the process is gone,
 *        ___/  |___    and with it everything
 *
 * Whether that is a leak is a question of the next run: does it need more than this one did?
 */
#include "harness.h"

static size_t collected;
static char *newest;

static bool work(struct unit *unit)
{
    (void)unit;
    if (collected + options.chunk > options.cap)
        say_end("done"); /* the process ends here */
    char *part = malloc(options.chunk); GROWS_HERE();
    if (!part)
        return false;
    touch(part, options.touched);
    memcpy(part, &newest, sizeof newest); /* a list: all of it is in use */
    newest = part;
    collected += options.chunk;
    return true;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "batch", .pattern = "none", .lookalike = true, .rate = "1MiB/s", .chunk = 64 * KIB,
        .chunk_from = 16, .elsewhere = "a part holds the address of the one before",
        .cap = 20 * MIB, .basis = "resident", .touch = 1, .leak = work});
}
