/* Looks like a leak: names that were looked for and are not there.
 *
 *     stat("/var/tmp/memlab-nothing-4711-17") ---> ENOENT, and the kernel remembers it:
 *                                                  a dentry without an inode, 192 bytes of slab
 *
 * SReclaimable in meminfo grows, with every library that is searched along a path. The kernel drops
 * them when it wants the memory: reclaimable. After the cap the same names are asked again. The pid
 * is in each name, so that no run finds the names of another, which the kernel remembers as well.
 */
#include "harness.h"
#include <sys/stat.h>

static bool work(struct unit *unit)
{
    struct stat status;
    char name[64];
    (void)unit;
    snprintf(name, sizeof name, "/var/tmp/memlab-nothing-%d-%zu", getpid(), ledger.units % options.cap);
    (void)!stat(name, &status); GROWS_HERE();
    return true;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "negative-dentries", .pattern = "none", .lookalike = true, .rate = "1000/s", .cap = 20000,
        .basis = "count", .touch = NEVER_TOUCHED, .leak = work});
}
