/* Leaks private mappings of a file, as a plugin that is loaded again and again.
 *
 *     libc.so.6 on disk            address space
 *     +--------------+             +--------+--------+--------+
 *     | page cache   | <---------- | mapped | mapped | mapped |   r--p libc.so.6, one line each
 *     +--------------+             +--------+--------+--------+
 *
 * VSZ and RSS grow with every mapping; the memory of the machine does not, because all of them show
 * the same pages: Pss tells it. What runs out is vm.max_map_count, and address space.
 * --control unmaps the file in the same event.
 */
#include "harness.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int file;

static bool leak(struct unit *unit)
{
    unit->address = mmap(NULL, options.chunk, PROT_READ, MAP_PRIVATE, file, 0); LEAKS_HERE();
    if (unit->address == MAP_FAILED)
        return false;
    volatile const char *byte = unit->address;
    for (size_t at = 0; at < options.chunk; at += 4096)
        (void)byte[at];
    return true;
}

static void give_back(struct unit *unit)
{
    munmap(unit->address, options.chunk);
}

/* A file that every C program has mapped already: the C library. */
static bool start(void)
{
    struct stat status;
    Dl_info library;
    if (!dladdr((void *)exit, &library))
        return false;
    file = open(library.dli_fname, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0)
        return false;
    errno = ERANGE; /* beyond the end of the file a touch would be SIGBUS */
    return options.chunk <= (size_t)status.st_size;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "private-file", .pattern = "private-file", .rate = "4MiB/s", .chunk = 1 * MIB, .cap = 64 * MIB,
        .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = leak, .give_back = give_back});
}
