"""Leaks POSIX shared memory by multiprocessing.shared_memory.

    kept, a list             /dev/shm/NAME
    +--------------+         +------------+
    | SharedMemory |-------> |  segment   |   close() would unmap it, unlink() would end it
    +--------------+         +------------+

A segment is a file on tmpfs: RssShmem here, Shmem in meminfo. Python's resource tracker unlinks
what a program leaves when it ends; one that runs for months gets no such help.
--control closes and unlinks in the same event.
"""

import multiprocessing.shared_memory
import sys

from _harness import MIB, Leaker, Options, next_shm_name, run, touch

kept = []


def leak(options):
    """Make one more segment, and forget to end it."""
    segment = multiprocessing.shared_memory.SharedMemory(next_shm_name(), True, options.chunk)
    touch(segment.buf, options.touched)
    kept.append(segment)  # leaks here


def give_back():
    """End the newest segment."""
    segment = kept.pop()
    segment.close()
    segment.unlink()


def end():
    """What a program should do."""
    while kept:
        give_back()


if __name__ == "__main__":
    leaker = Leaker(
        "shm-posix",
        leak,
        give_back,
        pattern="shm",
        rate="4MiB/s",
        chunk=MIB,
        cap=64 * MIB,
        basis="resident",
        end=end,
    )
    run(leaker, Options(leaker, sys.argv[1:]))
