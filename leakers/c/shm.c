/* Leaks System V shared memory that stays attached.
 *
 *     unit --> +------------+     shmid 7, key, owner, nattch 1
 *              |  segment   | <-- the kernel's table (ipcs -m, /proc/sysvipc/shm)
 *              +------------+
 *
 * shmget makes the segment, shmat maps it; neither is undone. The pages are shmem: RssShmem here,
 * Shmem in meminfo. They stay when the process ends, because nobody said IPC_RMID.
 * --control detaches and removes the segment in the same event.
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
    return true;
}

static void give_back(struct unit *unit)
{
    shmdt(unit->address);
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
        .name = "shm", .pattern = "shm", .rate = "4MiB/s", .chunk = 1 * MIB, .cap = 64 * MIB,
        .basis = "resident", .touch = 1, .leak = leak, .give_back = give_back, .end = end});
}
