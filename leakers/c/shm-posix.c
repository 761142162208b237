/* Leaks POSIX shared memory that stays mapped.
 *
 *     unit --> +------------+     /dev/shm/NAME
 *              |  segment   | <-- a file on tmpfs like any other
 *              +------------+
 *
 * shm_open makes a file on tmpfs, mmap maps it; there is no munmap and no shm_unlink. The pages
 * are RssShmem here and Shmem in meminfo, and they stay when the process ends.
 * --control unmaps and unlinks in the same event.
 */
#include "harness.h"
#include <fcntl.h>
#include <sys/mman.h>

enum { MOST = 4096 };
static char made[MOST][128];
static long count;

static bool leak(struct unit *unit)
{
    const char *name = next_shm_name();
    int segment = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (segment < 0)
        return false;
    snprintf(made[count % MOST], sizeof *made, "%s", name);
    unit->id = count++ % MOST;
    if (ftruncate(segment, options.chunk) != 0)
        return false;
    unit->address = mmap(NULL, options.chunk, PROT_READ | PROT_WRITE, MAP_SHARED, segment, 0); LEAKS_HERE();
    close(segment);
    if (unit->address == MAP_FAILED)
        return false;
    touch(unit->address, options.touched);
    return true;
}

static void give_back(struct unit *unit)
{
    munmap(unit->address, options.chunk);
    shm_unlink(made[unit->id]);
    made[unit->id][0] = 0;
}

/* Names outlive their process: by hand, nobody else would remove them. */
static void end(void)
{
    for (long nth = 0; nth < count && nth < MOST; nth++)
        if (made[nth][0])
            shm_unlink(made[nth]);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "shm-posix", .pattern = "shm", .rate = "4MiB/s", .chunk = 1 * MIB, .cap = 64 * MIB,
        .basis = "resident", .touch = 1, .leak = leak, .give_back = give_back, .end = end});
}
