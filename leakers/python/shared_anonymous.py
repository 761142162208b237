"""Leaks shared anonymous mappings, which are Python's default.

    kept, a list            /dev/zero (deleted), rw-s: a file of the kernel's own tmpfs,
    +-----------+           +--------+--------+--------+   that children would share
    | mmap      |---------> |  area  |  area  |  area  |
    +-----------+           +--------+--------+--------+

mmap.mmap(-1, size) means MAP_SHARED: its pages are shmem, RssShmem here and Shmem in meminfo.
--control closes the mapping in the same event.
"""

import mmap
import sys

from _harness import MIB, Leaker, Options, run, touch

kept = []


def leak(options):
    """Keep one more mapping."""
    area = mmap.mmap(-1, options.chunk)
    touch(area, options.touched)
    kept.append(area)  # leaks here: nobody will close it


def give_back():
    """Close the newest mapping."""
    kept.pop().close()


if __name__ == "__main__":
    leaker = Leaker(
        "shared-anonymous",
        leak,
        give_back,
        rate="4MiB/s",
        chunk=MIB,
        cap=64 * MIB,
        basis="resident",
    )
    run(leaker, Options(leaker, sys.argv[1:]))
