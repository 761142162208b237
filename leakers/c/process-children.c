/* Leaks children that live on, waiting for work that will never come.
 *
 *     parent ---fork---> child, asleep      its own page tables and stacks of the kernel,
 *        |-----fork----> child, asleep      and every page it has written
 *        |-----fork----> child, asleep
 *
 * The parent looks innocent: its own RSS does not move. Only the sum over the family grows.
 * --control ends the child in the same event.
 */
#include "harness.h"
#include <sys/wait.h>

static bool leak(struct unit *unit)
{
    pid_t parent = getpid(), child = fork(); LEAKS_HERE();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* by hand, nobody else would end it */
        if (getppid() != parent)
            _exit(0);
        for (;;)
            pause();
    }
    unit->id = child;
    return child > 0;
}

static void give_back(struct unit *unit)
{
    kill(unit->id, SIGKILL);
    waitpid(unit->id, NULL, 0);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "process-children", .pattern = "process", .rate = "2/s", .cap = 50, .basis = "count",
        .touch = NEVER_TOUCHED, .leak = leak, .give_back = give_back});
}
