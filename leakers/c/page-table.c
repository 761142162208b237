/* Leaks page tables: one page is read in each 2 MiB of address space, and none is written.
 *
 *     address space     |------ 2 MiB ------|------ 2 MiB ------|
 *                       r                   r                     r: one byte is read
 *     page tables       [ 4 KiB: 1 of 512 ] [ 4 KiB: 1 of 512 ]
 *
 * What is read and was never written is the zero page: it costs no memory and is in no Rss. The
 * table that points to it costs 4 KiB, and only VmPTE and PageTables of meminfo show that.
 * --control unmaps in the same event, and the table goes too.
 */
#include "harness.h"
#include <sys/mman.h>

static bool leak(struct unit *unit)
{
    unit->address = mmap(NULL, options.chunk, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); LEAKS_HERE();
    if (unit->address == MAP_FAILED)
        return false;
    madvise(unit->address, options.chunk, MADV_NOHUGEPAGE); /* a huge zero page needs no table */
    volatile const char *byte = unit->address;
    for (size_t at = 0; at < options.chunk; at += 2 * MIB)
        (void)byte[at];
    return true;
}

static void give_back(struct unit *unit)
{
    munmap(unit->address, options.chunk);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "page-table", .pattern = "page-table", .rate = "64/s", .chunk = 2 * MIB, .chunk_from = 2 * MIB,
        .elsewhere = "a table serves 2 MiB", .cap = 8 * GIB, .basis = "virtual", .touch = NEVER_TOUCHED,
        .leak = leak, .give_back = give_back});
}
