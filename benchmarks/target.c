/* A process with many mappings, to be looked at: target COUNT uniform|mixed.
 *
 * uniform: pages that cannot merge, every second one touched. mixed: sizes, permissions and files
 * vary as in real programs. Prints "ready"; then "go" on stdin makes a thread map and unmap a page
 * over and over, and "stop" prints what that took: calls, nanoseconds in all calls that took ten
 * times the usual or more, and the longest. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, FILES = 3, FILE_PAGES = 64 };

static volatile int going;
static long long calls, delayed, longest;

static void *map(size_t length, int protection, int flags, int fd, off_t offset)
{
    void *start = mmap(NULL, length, protection, flags, fd, offset);
    if (start == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return start;
}

static void map_anonymous(long i, int mixed)
{
    /* neighbours of unlike permissions stay apart */
    int protection = i % 2 ? PROT_READ : PROT_READ | PROT_WRITE;
    size_t length = mixed ? (1 + i % 5) * PAGE : PAGE;
    char *start = map(length, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (i % 2 == 0 && (!mixed || i % 3))
        for (size_t at = 0; at < length; at += PAGE)
            start[at] = 1;
}

static void map_file(long i, int fd)
{
    int flags = i % 8 == 3 ? MAP_SHARED : MAP_PRIVATE;
    volatile char *start = map((1 + i % 7) * PAGE, PROT_READ, flags, fd, (i % 9) * PAGE);
    if (i % 5 == 0)
        (void)start[0];
}

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *map_and_unmap(void *unused)
{
    (void)unused;
    for (;;) {
        long long usual = 0;
        while (!going)
            usleep(1000);
        calls = delayed = longest = 0;
        while (going) {
            long long begin = now();
            void *page = map(PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            munmap(page, PAGE);
            long long took = now() - begin;
            usual = usual ? usual + (took < usual ? -usual / 64 : usual / 64) : took;
            if (took > 10 * usual)
                delayed += took;
            if (took > longest)
                longest = took;
            calls++;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: target COUNT uniform|mixed\n");
        return 2;
    }
    long count = atol(argv[1]);
    int mixed = !strcmp(argv[2], "mixed"), files[FILES];
    for (int i = 0; i < FILES; i++) {
        char name[] = "/tmp/memlab-benchmark-XXXXXX";
        files[i] = mkstemp(name);
        unlink(name);
        if (files[i] < 0 || ftruncate(files[i], FILE_PAGES * PAGE))
            return 1;
    }
    for (long i = 0; i < count; i++) {
        if (mixed && i % 4 == 3)
            map_file(i, files[i % FILES]);
        else
            map_anonymous(i, mixed);
    }
    pthread_t thread;
    pthread_create(&thread, NULL, map_and_unmap, NULL);
    puts("ready");
    fflush(stdout);
    char command[16];
    while (fgets(command, sizeof command, stdin)) {
        going = !strcmp(command, "go\n");
        if (going)
            continue;
        usleep(2000);
        printf("%lld %lld %lld\n", calls, delayed, longest);
        fflush(stdout);
    }
    return 0;
}
