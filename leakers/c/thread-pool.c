/* Looks like a leak: threads that are joined, and whose stacks glibc keeps for the next ones.
 *
 *     a wave of threads ---join---> glibc's stack cache, at most 40 MiB ---> the next wave
 *
 * Each wave has one thread more, up to the cap: VSZ grows by a stack and a guard each time, as if
 * nobody joined. Then it stays: cached stacks are used again, forgotten ones are not.
 */
#include "harness.h"
#include <pthread.h>

enum { MOST = 64 };
static pthread_barrier_t together;

static void *run(void *nothing)
{
    pthread_barrier_wait(&together); /* all of a wave live at once */
    return nothing;
}

static bool work(struct unit *unit)
{
    static size_t wave;
    pthread_t threads[MOST];
    pthread_attr_t attributes;
    size_t made = 0;
    (void)unit;
    if ((wave + 1) * options.chunk <= options.cap && wave < MOST)
        wave++; GROWS_HERE();
    pthread_barrier_init(&together, NULL, wave + 1);
    pthread_attr_init(&attributes);
    errno = pthread_attr_setstacksize(&attributes, options.chunk);
    while (errno == 0 && made < wave && (errno = pthread_create(&threads[made], &attributes, run, NULL)) == 0)
        made++;
    if (made < wave)
        return false; /* those that wait end with the process */
    pthread_barrier_wait(&together);
    while (made)
        pthread_join(threads[--made], NULL);
    return true;
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "thread-pool", .pattern = "none", .lookalike = true, .rate = "2/s", .chunk = 1 * MIB,
        .cap = 16 * MIB, .basis = "virtual", .touch = NEVER_TOUCHED, .leak = work});
}
