/* Looks like a leak: one request that needs a lot, and then nothing for a long time.
 *
 *     RSS        +-----------------
 *          ------+                     everything in one event, kept for the next request
 *
 * Two looks, one before and one after, show growth; a third one shows that it was a step.
 */
#include "harness.h"

static char *buffer;

static bool work(struct unit *unit)
{
    (void)unit;
    if (!buffer && ledger.units == 2) { /* the third request is the large one */
        buffer = malloc(options.cap); GROWS_HERE();
        if (!buffer)
            return false;
        touch(buffer, options.cap);
    }
    return true;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "burst", .pattern = "none", .lookalike = true, .rate = "1/s", .chunk = 1 * MIB,
        .cap = 32 * MIB, .basis = "resident", .touch = WHOLLY_TOUCHED, .leak = work});
}
