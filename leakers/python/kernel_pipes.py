"""Leaks the buffers of pipes: written full, and never read.

    /proc/PID/fd       the kernel
    4 -> pipe:[71] --> +------+------+------+- -
    5 -> pipe:[71] --> | page | page | page |     16 pages, 64 KiB
                       +------+------+------+- -

No line of meminfo counts these pages and no process shows them: MemFree shrinks, and only the
memory cgroup knows. Gone with the process. --control closes the pipe in the same event.
"""

import errno
import os
import sys

from _harness import KIB, MIB, WHOLLY_TOUCHED, Leaker, Options, run

kept = []


def leak(options):
    """Fill one more pipe."""
    kept.append(os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC))  # leaks here
    if os.write(kept[-1][1], bytes(options.chunk)) < options.chunk:
        give_back()  # beyond fs.pipe-user-pages-soft a pipe has one page only
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))


def give_back():
    """Close both ends of the newest pipe."""
    for end in kept.pop():
        os.close(end)


if __name__ == "__main__":
    leaker = Leaker(
        "kernel-pipes",
        leak,
        give_back,
        pattern="kernel",
        rate="1MiB/s",
        chunk=64 * KIB,
        chunk_below=64 * KIB + 1,
        elsewhere="a pipe has 16 pages",
        cap=16 * MIB,
        basis="resident",
        touch=WHOLLY_TOUCHED,
    )
    run(leaker, Options(leaker, sys.argv[1:]))
