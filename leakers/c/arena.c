/* Leaks blocks of malloc arenas, in worker threads that never end.
 *
 *     worker 1 ----> [ arena, 64 MiB aligned | block | lost | lost | ...  rw-p | not yet used ---p ]
 *     worker 2 ----> [ arena, 64 MiB aligned | block | lost | lost | ...  rw-p | not yet used ---p ]
 *
 * glibc gives a thread that allocates an arena of its own: a reservation of 64 MiB, of which the
 * used part is readable and the rest is not. [heap] does not move at all.
 * --control has the worker free its block in the same event.
 */
#include "harness.h"
#include <pthread.h>
#include <semaphore.h>

enum { WORKERS = 2 };
static struct worker { sem_t asked, done; struct unit *unit; bool free; } workers[WORKERS];

static void *work(void *argument)
{
    struct worker *me = argument;
    for (;;) {
        sem_wait(&me->asked);
        if (me->free) {
            free(me->unit->address);
        } else {
            me->unit->address = malloc(options.chunk); LEAKS_HERE();
            if (me->unit->address)
                touch(me->unit->address, options.touched);
        }
        sem_post(&me->done);
    }
    return NULL;
}

static void ask(struct unit *unit, bool free)
{
    struct worker *worker = &workers[unit->id];
    worker->unit = unit;
    worker->free = free;
    sem_post(&worker->asked);
    sem_wait(&worker->done);
}

static bool leak(struct unit *unit)
{
    static unsigned long turn;
    unit->id = turn++ % WORKERS;
    ask(unit, false);
    return unit->address;
}

static void give_back(struct unit *unit)
{
    ask(unit, true);
}

static bool start(void)
{
    for (int worker = 0; worker < WORKERS; worker++) {
        pthread_t thread;
        sem_init(&workers[worker].asked, 0, 0);
        sem_init(&workers[worker].done, 0, 0);
        if ((errno = pthread_create(&thread, NULL, work, &workers[worker])))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "arena", .pattern = "arena", .rate = "2MiB/s", .chunk = 64 * KIB, .chunk_below = 128 * KIB,
        .elsewhere = "larger blocks become mappings of their own, which is the leaker `anonymous-malloc`",
        .cap = 64 * MIB, .basis = "resident", .touch = 1, .start = start, .leak = leak, .give_back = give_back});
}
