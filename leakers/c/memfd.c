/* Leaks memory files that stay mapped.
 *
 *     unit --> +------------+     /memfd:leak (deleted), rw-s
 *              |  pages     |     a file that never had a name in any folder
 *              +------------+
 *
 * memfd_create makes a file of the kernel's own tmpfs; the mapping keeps it when the descriptor is
 * closed. RssShmem here, Shmem in meminfo; gone with the process. --control unmaps in the same event.
 */
#include "harness.h"
#include <sys/mman.h>

static bool leak(struct unit *unit)
{
    int file = memfd_create("leak", MFD_CLOEXEC);
    if (file < 0)
        return false;
    if (ftruncate(file, options.chunk) != 0)
        return false;
    unit->address = mmap(NULL, options.chunk, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0); LEAKS_HERE();
    close(file);
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
        .name = "memfd", .pattern = "memfd", .rate = "4MiB/s", .chunk = 1 * MIB, .cap = 64 * MIB,
        .basis = "resident", .touch = 1, .leak = leak, .give_back = give_back});
}
