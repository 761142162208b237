/* Leaks files on tmpfs: each is written, closed and forgotten.
 *
 *     tmpfs on /dev/shm
 *     +------+ +------+ +------+
 *     |  0   | |  1   | |  2   |  - -    no process has them open, and each keeps its pages
 *     +------+ +------+ +------+
 *
 * As logs, sockets' names and session files do in /run and /tmp. df and ls see them, top does not.
 * --control unlinks the file in the same event.
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
static char *chunk;

static bool fill(int file)
{
    for (size_t done = 0; done < options.chunk;) {
        ssize_t more = write(file, chunk + done, options.chunk - done);
        if (more < 0)
            return false;
        done += more;
    }
    return true;
}

static bool leak(struct unit *unit)
{
    int file = open(name_of(count), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); LEAKS_HERE();
    if (file < 0)
        return false;
    unit->id = count++;
    bool whole = fill(file);
    close(file);
    return whole;
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

static bool start(void)
{
    chunk = calloc(1, options.chunk);
    return chunk && make_folder();
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "tmpfs-files", .pattern = "tmpfs", .rate = "4MiB/s", .chunk = 256 * KIB, .cap = 64 * MIB,
        .basis = "resident", .touch = WHOLLY_TOUCHED, .start = start, .leak = leak, .give_back = give_back, .end = end});
}
