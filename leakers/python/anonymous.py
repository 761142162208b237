"""Leaks private anonymous mappings.

    kept, a list            address space
    +-----------+           +--------+--------+--------+
    | mmap      |---------> |  area  |  area  |  area  |   one rw-p line in smaps:
    | mmap      |           +--------+--------+--------+   the kernel merges neighbours
    +-----------+             an mmap object unmaps its area only when it is dropped

Python's default is a shared mapping, so the flags matter: MAP_SHARED would be a leak of
another type. --control closes the mapping in the same event.
"""

import mmap
import sys

from _harness import MIB, Leaker, Options, run, touch

PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
kept = []


def leak(options):
    """Keep one more mapping."""
    area = mmap.mmap(-1, options.chunk, flags=PRIVATE)
    touch(area, options.touched)
    kept.append(area)  # leaks here: nobody will close it


def give_back():
    """Close the newest mapping."""
    kept.pop().close()


if __name__ == "__main__":
    leaker = Leaker(
        "anonymous", leak, give_back, rate="4MiB/s", chunk=MIB, cap=64 * MIB, basis="resident"
    )
    run(leaker, Options(leaker, sys.argv[1:]))
