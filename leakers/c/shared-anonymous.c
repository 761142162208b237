/* Leaks shared anonymous mappings.
 *
 *     unit --> +---------+---------+---------+
 *              |  area   |  lost   |  lost   |   rw-s /dev/zero (deleted): a file of the kernel's
 *              +---------+---------+---------+   own tmpfs, that children would share
 *
 * MAP_SHARED|MAP_ANONYMOUS is meant for a fork that follows. Its pages are shmem: they count as
 * RssShmem of each process that touched them, and as Shmem of the machine.
 * --control unmaps the area in the same event.
 */
#include "harness.h"
#include <sys/mman.h>

static bool leak(struct unit *unit)
{
    unit->address = mmap(NULL, options.chunk, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); LEAKS_HERE();
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
        .name = "shared-anonymous", .pattern = "shared-anonymous", .rate = "4MiB/s", .chunk = 1 * MIB,
        .cap = 64 * MIB, .basis = "resident", .touch = 1, .leak = leak, .give_back = give_back});
}
