/* Leaks the main thread's stack: a recursion that touches what it takes and never comes back.
 *
 *     [stack]                              a stack of its own
 *     +-------------------+                +---------------------+
 *     | main              |                | the harness's loop: |
 *     | descend, a frame  | <- swapcontext | waits, obeys,       |
 *     | descend, a frame  | -------------> | asks for one more   |
 *     | descend, a frame  |                +---------------------+
 *     v grows downwards, until ulimit -s
 *
 * The kernel extends [stack] at the page fault below it; it never shrinks again, even when the
 * recursion returns. --control returns in the same event: the next frame is on the same pages.
 */
#include "harness.h"
#include <sys/mman.h>
#include <ucontext.h>

enum { LOOP_STACK = 256 * KIB };
static ucontext_t in_main, in_loop;
static bool returning;
static struct leaker leaker;
static char **arguments;
static int argument_count;

/* One frame of `chunk` bytes, and below it all those that follow. */
static void descend(void)
{
    char frame[options.chunk]; LEAKS_HERE();
    touch(frame, options.touched);
    for (;;) {
        swapcontext(&in_main, &in_loop); /* one more is there; wait for the next order */
        if (returning)
            return;
        descend();
        returning = false;
    }
}

static bool leak(struct unit *unit)
{
    (void)unit; /* a frame needs no name: the newest returns first */
    swapcontext(&in_loop, &in_main);
    return true;
}

static void give_back(struct unit *unit)
{
    (void)unit;
    returning = true;
    swapcontext(&in_loop, &in_main);
}

static void run_loop(void)
{
    exit(leaker_main(argument_count, arguments, leaker));
}

int main(int argc, char **argv)
{
    leaker = (struct leaker){
        .name = "main-stack", .pattern = "main-stack", .rate = "256KiB/s", .chunk = 32 * KIB,
        .chunk_below = 1 * MIB, .elsewhere = "a larger frame could jump over the gap that guards the stack",
        .cap = 6 * MIB, .basis = "resident", .touch = 1, .leak = leak, .give_back = give_back};
    argument_count = argc;
    arguments = argv;
    void *stack = mmap(NULL, LOOP_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED || getcontext(&in_loop) != 0)
        return 1;
    in_loop.uc_stack.ss_sp = stack;
    in_loop.uc_stack.ss_size = LOOP_STACK;
    makecontext(&in_loop, run_loop, 0);
    swapcontext(&in_main, &in_loop);
    for (;;) { /* the first order to descend */
        descend();
        returning = false;
        swapcontext(&in_main, &in_loop);
    }
}
