"""Leaks zombies: children that ended, and whose parent never asked how.

    parent ---fork---> child: exit     Z (zombie): no memory of its own any more,
       |                               a pid, a task_struct and an exit status
       +-- and no waitpid

As os.fork and os.spawnv do; subprocess asks by itself when its object goes.
--control waits for the child in the same event.
"""

import os
import sys

from _harness import NEVER_TOUCHED, Leaker, Options, run

kept = []


def leak(_options):
    """Start a child that ends at once, and do not ask how."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    kept.append(child)  # leaks here


def give_back():
    """Bury the newest."""
    os.waitpid(kept.pop(), 0)


if __name__ == "__main__":
    leaker = Leaker(
        "process-zombies",
        leak,
        give_back,
        pattern="process",
        rate="5/s",
        cap=100,
        basis="count",
        touch=NEVER_TOUCHED,
    )
    run(leaker, Options(leaker, sys.argv[1:]))
