"""Leaks memory files that stay mapped.

    kept, a list            /memfd:leak (deleted), rw-s
    +-----------+           +------------+
    | mmap      |---------> |  pages     |   a file that never had a name in any folder
    +-----------+           +------------+

The mapping keeps the file when its descriptor is closed: RssShmem here, Shmem in meminfo, gone
with the process. --control closes the mapping in the same event.
"""

import mmap
import os
import sys

from _harness import MIB, Leaker, Options, run, touch

kept = []


def leak(options):
    """Keep one more memory file, by its mapping."""
    file = os.memfd_create("leak")
    os.ftruncate(file, options.chunk)
    area = mmap.mmap(file, options.chunk)
    os.close(file)
    touch(area, options.touched)
    kept.append(area)  # leaks here


def give_back():
    """Close the newest mapping."""
    kept.pop().close()


if __name__ == "__main__":
    leaker = Leaker(
        "memfd", leak, give_back, rate="4MiB/s", chunk=MIB, cap=64 * MIB, basis="resident"
    )
    run(leaker, Options(leaker, sys.argv[1:]))
