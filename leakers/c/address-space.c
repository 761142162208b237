/* Leaks address space: reserved, and never touched.
 *
 *     unit --> +- - - - - - - - -+- - - - - - - - -+
 *              :  reserved ---p  :  reserved ---p  :    VSZ grows, RSS does not
 *              +- - - - - - - - -+- - - - - - - - -+
 *
 * PROT_NONE: not even page tables. As runtimes reserve before they use. What runs out is ulimit -v,
 * where it is set. --control unmaps in the same event.
 */
#include "harness.h"
#include <sys/mman.h>

static bool leak(struct unit *unit)
{
    unit->address = mmap(NULL, options.chunk, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); LEAKS_HERE();
    return unit->address != MAP_FAILED;
}

static void give_back(struct unit *unit)
{
    munmap(unit->address, options.chunk);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "address-space", .pattern = "address-space", .rate = "64MiB/s", .chunk = 16 * MIB, .cap = 4 * GIB,
        .basis = "virtual", .touch = NEVER_TOUCHED, .leak = leak, .give_back = give_back});
}
