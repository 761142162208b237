/* Leaks copies of a file's pages: a private mapping that was written to.
 *
 *     libc.so.6 on disk            address space
 *     +--------------+   a write   +--------+--------+
 *     | page cache   | ----------> | copied | copied |   rw-p libc.so.6: named after the file,
 *     +--------------+   copies    +--------+--------+   and its pages are anonymous
 *
 * A private file mapping has two kinds of bytes: those that were only read are the page cache's
 * (RssFile), those that were written are this process's alone (RssAnon, "Anonymous:" in smaps).
 * --control unmaps in the same event.
 */
#include "harness.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int file;

static bool leak(struct unit *unit)
{
    unit->address = mmap(NULL, options.chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0); LEAKS_HERE();
    if (unit->address == MAP_FAILED)
        return false;
    touch(unit->address, options.chunk);
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
        .name = "private-file-copied", .pattern = "private-file", .rate = "4MiB/s", .chunk = 1 * MIB,
        .cap = 64 * MIB, .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = leak,
        .give_back = give_back});
}
