"""Leaks memory files that are held by a descriptor only.

    /proc/PID/fd/4 ----> /memfd:leak (deleted)
    +---------+          +------------+
    | process |          |  pages     |   mapped nowhere: in no smaps at all
    +---------+          +------------+

What is written into a memfd is nobody's RSS. Shmem grows, and the only trace of the culprit is a
number in /proc/PID/fd. Gone with the process. --control closes it in the same event.
"""

import os
import sys

from _harness import MIB, WHOLLY_TOUCHED, Leaker, Options, run

kept = []


def leak(options):
    """Write one more memory file and keep its descriptor."""
    kept.append(os.memfd_create("leak"))  # leaks here
    rest = memoryview(bytes(options.chunk))
    while rest:
        rest = rest[os.write(kept[-1], rest) :]


def give_back():
    """Close the newest descriptor."""
    os.close(kept.pop())


if __name__ == "__main__":
    leaker = Leaker(
        "memfd-descriptor",
        leak,
        give_back,
        pattern="memfd",
        rate="4MiB/s",
        chunk=MIB,
        cap=64 * MIB,
        basis="resident",
        touch=WHOLLY_TOUCHED,
    )
    run(leaker, Options(leaker, sys.argv[1:]))
