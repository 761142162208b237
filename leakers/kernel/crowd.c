/* Company for a global OOM in the guest: who is in its table, who waits meanwhile, and who causes it.
 *
 *     crowd tasks N     N processes that sleep: each is a line of the report. They outlive it.
 *     crowd tick        sleeps a millisecond again and again; at SIGTERM it prints, in nanoseconds of
 *                       CLOCK_MONOTONIC, the longest time between two wake-ups and when that began
 *     crowd hog         touches memory until the kernel kills it
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

static volatile sig_atomic_t over;

static void end(int number)
{
    (void)number;
    over = 1;
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int tasks(int count)
{
    for (int n = 0; n < count; n++) {
        pid_t child = fork();
        if (child < 0)
            return 1;
        if (child == 0)
            for (;;)
                pause();
    }
    return 0;
}

static int tick(void)
{
    const struct timespec pause = { .tv_nsec = 1000000 };
    struct sigaction action = { .sa_handler = end };
    int64_t longest = 0, begin = 0;

    sigaction(SIGTERM, &action, NULL);
    mlockall(MCL_CURRENT); /* to wait for its own pages would be another stall */
    for (int64_t before = now(); !over;) {
        nanosleep(&pause, NULL);
        int64_t after = now();
        if (after - before > longest) {
            longest = after - before;
            begin = before;
        }
        before = after;
    }
    printf("%lld %lld\n", (long long)longest, (long long)begin);
    return 0;
}

static int hog(void)
{
    for (;;) {
        char *block = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED)
            return 1;
        memset(block, 1, CHUNK);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "tasks") == 0)
        return tasks(atoi(argv[2]));
    if (argc == 2 && strcmp(argv[1], "tick") == 0)
        return tick();
    if (argc == 2 && strcmp(argv[1], "hog") == 0)
        return hog();
    return 2;
}
