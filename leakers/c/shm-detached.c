/* Leaks System V shared memory that nobody has attached and nobody removed.
 *
 *     no process                  shmid 7, key, owner, nattch 0
 *              +------------+     the kernel's table (ipcs -m, /proc/sysvipc/shm)
 *              |  segment   | <--
 *              +------------+
 *
 * shmdt takes the mapping away, not the segment: RSS and VSZ of the process are what they were,
 * Shmem of the machine has grown, and no process in top explains it.
 * --control removes the segment in the same event.
 */
#include "harness.h"
#include <sys/shm.h>

enum { MOST = 4096 }; /* the kernel's own limit, SHMMNI */
static int made[MOST];
static long count;

static bool leak(struct unit *unit)
{
    int segment = shmget(next_key(), options.chunk, IPC_CREAT | IPC_EXCL | 0600); LEAKS_HERE();
    if (segment < 0)
        return false;
    unit->id = made[count++ % MOST] = segment;
    unit->address = shmat(segment, NULL, 0);
    if (unit->address == (void *)-1)
        return false;
    touch(unit->address, options.touched);
    shmdt(unit->address); /* and no IPC_RMID */
    return true;
}

static void give_back(struct unit *unit)
{
    shmctl(unit->id, IPC_RMID, NULL);
}

/* Segments outlive their process: by hand, nobody else would remove them. */
static void end(void)
{
    for (long nth = 0; nth < count && nth < MOST; nth++)
        shmctl(made[nth], IPC_RMID, NULL);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "shm-detached", .pattern = "shm", .rate = "4MiB/s", .chunk = 1 * MIB, .cap = 64 * MIB,
        .basis = "resident", .touch = 1, .leak = leak, .give_back = give_back, .end = end});
}
