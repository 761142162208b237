/* Leaks zombies: children that ended, and whose parent never asked how.
 *
 *     parent ---fork---> child: exit(0)     Z (zombie): no memory of its own any more,
 *        |                                  a pid, a task_struct and an exit status
 *        +-- and no waitpid
 *
 * They cost a few kilobytes of the kernel each; what runs out are pids (kernel.pid_max) and
 * ulimit -u. --control waits for the child in the same event.
 */
#include "harness.h"
#include <sys/wait.h>

static bool leak(struct unit *unit)
{
    pid_t child = fork(); LEAKS_HERE();
    if (child == 0)
        _exit(0);
    unit->id = child;
    siginfo_t ended; /* WNOWAIT: it has ended, and stays a zombie */
    return child > 0 && waitid(P_PID, child, &ended, WEXITED | WNOWAIT) == 0;
}

static void give_back(struct unit *unit)
{
    waitpid(unit->id, NULL, 0);
}

int main(int argc, char **argv)
{
    return leaker_main(argc, argv, (struct leaker){
        .name = "process-zombies", .pattern = "process", .rate = "5/s", .cap = 100, .basis = "count",
        .touch = NEVER_TOUCHED, .leak = leak, .give_back = give_back});
}
