/* Leaks empty files on tmpfs: no bytes at all, and still memory.
 *
 *     tmpfs on /dev/shm
 *     [0] [1] [2] [3] [4] - -    0 bytes each, an inode and a name each: the kernel's own memory
 *
 * Shmem does not move and df -h shows nothing; df -i does, and SUnreclaim in meminfo grows by
 * about a kilobyte a file. --control unlinks the file in the same event.
 */
#include "harness.h"
#include <fcntl.h>
#include <limits.h>

static char folder[PATH_MAX - 32];
static unsigned long count;
static bool ours;

static const char *name_of(unsigned long nth)
{
    static char name[PATH_MAX];
    snprintf(name, sizeof name, "%s/%lu", folder, nth);
    return name;
}

static bool leak(struct unit *unit)
{
    int file = open(name_of(count), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); LEAKS_HERE();
    if (file < 0)
        return false;
    unit->id = count++;
    close(file);
    return true;
}

static void give_back(struct unit *unit)
{
    unlink(name_of(unit->id));
}

/* The files' folder: the supervisor's, or by hand one of our own that `end` removes. */
static bool make_folder(void)
{
    const char *given = getenv("MEMLAB_TMPFS");
    ours = !given;
    snprintf(folder, sizeof folder, "%s", given ? given : "/dev/shm/memlab-by-hand-XXXXXX");
    return given || mkdtemp(folder);
}

static void end(void)
{
    for (unsigned long nth = 0; nth < count; nth++)
        unlink(name_of(nth));
    if (ours)
        rmdir(folder);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "tmpfs-inodes", .pattern = "kernel", .rate = "500/s", .cap = 20000, .basis = "count",
        .touch = NEVER_TOUCHED, .start = make_folder, .leak = leak, .give_back = give_back, .end = end});
}
