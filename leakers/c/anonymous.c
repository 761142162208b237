/* Leaks private anonymous mappings.
 *
 *     the harness's frame   address space
 *     +------+              +---------+---------+---------+
 *     | unit |------------> |  area   |  lost   |  lost   |   one rw-p line in smaps:
 *     +------+              +---------+---------+---------+   the kernel merges neighbours
 *                            ^ munmap would need this address, and nobody has it
 *
 * A hundred leaked mappings are often one mapping that grows: counting mappings does not find
 * this leak. --control unmaps the area in the same event.
 */
#include "harness.h"
#include <sys/mman.h>

static bool leak(struct unit *unit)
{
    unit->address = mmap(NULL, options.chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); LEAKS_HERE();
    if (unit->address == MAP_FAILED)
        return false;
    touch(unit->address, options.touched);
    return true;
}

static void give_back(struct unit *unit)
{
    munmap(unit->address, options.chunk);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "anonymous", .pattern = "anonymous", .rate = "4MiB/s", .chunk = 1 * MIB,
        .cap = 64 * MIB, .basis = "resident", .touch = 1, .leak = leak, .give_back = give_back});
}
