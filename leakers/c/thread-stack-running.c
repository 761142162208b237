/* Leaks threads that are joinable, forgotten, and still running.
 *
 *     harness's frame         address space
 *     +--------+              +-------+---------------------+
 *     |  unit  |------------> | guard |   stack, rw-p       | <--- the thread sleeps on it
 *     +--------+  dies with   | ---p  |   hardly touched    |      and will never end
 *                 the frame   +-------+---------------------+
 *
 * The address space grows as with threads that nobody joined; the number of threads grows with
 * it, and so do the kernel's stacks. top -H and /proc/PID/task show them all.
 * --control cancels the thread and joins it in the same event.
 */
#include "harness.h"
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>

static sem_t running;

static void *work(void *nothing)
{
    sem_post(&running);
    for (;;)
        pause();
    return nothing;
}

static bool leak(struct unit *unit)
{
    pthread_attr_t attributes;
    pthread_t thread = 0;
    pthread_attr_init(&attributes);
    errno = pthread_attr_setstacksize(&attributes, options.chunk);
    if (errno == 0)
        errno = pthread_create(&thread, &attributes, work, NULL); LEAKS_HERE();
    pthread_attr_destroy(&attributes);
    if (errno != 0)
        return false;
    unit->id = thread;
    sem_wait(&running);
    return true;
}

static void give_back(struct unit *unit)
{
    pthread_cancel(unit->id); /* pause is where it listens */
    pthread_join(unit->id, NULL);
}

static bool start(void)
{
    return sem_init(&running, 0, 0) == 0;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "thread-stack-running", .pattern = "thread-stack", .rate = "2/s", .chunk = 1 * MIB,
        .cap = 128 * MIB, .basis = "virtual", .touch = NEVER_TOUCHED, .chunk_from = PTHREAD_STACK_MIN,
        .elsewhere = "no stack of a thread is smaller (PTHREAD_STACK_MIN)", .start = start, .leak = leak,
        .give_back = give_back});
}
