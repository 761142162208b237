/* Leaks shared mappings of a file on disk, written and never unmapped.
 *
 *     a file on disk               address space
 *     +------+------+- -           +------+------+- -
 *     | page cache, dirty  <------ |  written      |   rw-s /var/tmp/... (deleted)
 *     +------+------+- -           +------+------+- -
 *
 * RssFile grows. The kernel may write the pages back and drop them, which anonymous memory without
 * swap never allows: so it takes longer until it hurts. The file has no name (O_TMPFILE), so it
 * ends with the process. --control unmaps and cuts the file back in the same event.
 */
#include "harness.h"
#include <fcntl.h>
#include <sys/mman.h>

static int file;
static off_t length;

static bool leak(struct unit *unit)
{
    if (ftruncate(file, length + options.chunk) != 0)
        return false;
    unit->address = mmap(NULL, options.chunk, PROT_READ | PROT_WRITE, MAP_SHARED, file, length); LEAKS_HERE();
    if (unit->address == MAP_FAILED)
        return false;
    touch(unit->address, options.touched);
    length += options.chunk;
    return true;
}

static void give_back(struct unit *unit)
{
    munmap(unit->address, options.chunk);
    length -= options.chunk;
    (void)!ftruncate(file, length);
}

static bool start(void)
{
    file = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); /* on disk, where /tmp may be tmpfs */
    errno = file < 0 ? errno : EINVAL;
    return file >= 0 && options.chunk % sysconf(_SC_PAGESIZE) == 0; /* a mapping begins at a page */
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "shared-file", .pattern = "shared-file", .rate = "4MiB/s", .chunk = 1 * MIB, .cap = 64 * MIB,
        .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = leak, .give_back = give_back});
}
