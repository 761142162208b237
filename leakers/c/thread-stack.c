/* Leaks the stacks of threads that ended and were never joined.
 *
 *     harness's frame         address space
 *     +--------+              +-------+---------------------+
 *     |  unit  |------------> | guard |   stack, rw-p       |  kept for pthread_join,
 *     +--------+  dies with   | ---p  |   hardly touched    |  which nobody will call
 *                 the frame   +-------+---------------------+
 *
 * A joinable thread's stack, and its result, are kept until somebody joins it. Each costs its
 * whole size in address space (VSZ) and a few pages in memory (RSS).
 * --control joins the thread in the same event: glibc keeps the stack in its cache and gives it
 * to the next thread.
 */
#include "harness.h"
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

static void *work(void *nothing)
{
    return nothing;
}

/* An event is over when the kernel has buried the thread: then what is left is the leak alone.
 * /proc/self/task has two links and one more for each thread that still lives. */
static void wait_until_it_ended(void)
{
    struct stat task;
    while (stat("/proc/self/task", &task) == 0 && task.st_nlink > 3)
        sched_yield();
}

static bool leak(struct unit *unit)
{
    pthread_attr_t attributes;
    pthread_t thread = 0;
    pthread_attr_init(&attributes);
    errno = pthread_attr_setstacksize(&attributes, options.chunk);
    if (errno == 0)
        errno = pthread_create(&thread, &attributes, work, NULL); LEAKS_HERE(); /* and no pthread_join */
    pthread_attr_destroy(&attributes);
    if (errno != 0)
        return false;
    unit->id = thread;
    wait_until_it_ended();
    return true;
}

static void give_back(struct unit *unit)
{
    pthread_join(unit->id, NULL);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "thread-stack", .pattern = "thread-stack", .rate = "2/s", .chunk = 10 * MIB,
        .cap = 1 * GIB, .basis = "virtual", .touch = NEVER_TOUCHED, .chunk_from = PTHREAD_STACK_MIN,
        .elsewhere = "no stack of a thread is smaller (PTHREAD_STACK_MIN)", .leak = leak, .give_back = give_back});
}
