"""Leaks private mappings of a file, as a plugin that is loaded again and again.

    a library on disk            address space
    +--------------+             +--------+--------+--------+
    | page cache   | <---------- | mapped | mapped | mapped |   r--p, one line each
    +--------------+             +--------+--------+--------+

VSZ and RSS grow with every mapping; the memory of the machine does not, because all of them show
the same pages: Pss tells it. --control closes the mapping in the same event.
"""

import mmap
import os
import sys

from _harness import MIB, PAGE, WHOLLY_TOUCHED, Leaker, Options, run

kept = []


def leak(options):
    """Map the same file once more, and read a byte of each page."""
    area = mmap.mmap(file, options.chunk, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
    for at in range(0, options.chunk, PAGE):
        area[at]
    kept.append(area)  # leaks here


def give_back():
    """Close the newest mapping."""
    kept.pop().close()


def largest_mapped_file():
    """A library that the interpreter has mapped already."""
    with open("/proc/self/maps") as lines:
        paths = {line.split(maxsplit=5)[5].rstrip() for line in lines if "/" in line}
    return max(filter(os.path.isfile, paths), key=os.path.getsize)


if __name__ == "__main__":
    leaker = Leaker(
        "private-file",
        leak,
        give_back,
        rate="4MiB/s",
        chunk=MIB,
        cap=64 * MIB,
        basis="resident",
        touch=WHOLLY_TOUCHED,
    )
    options = Options(leaker, sys.argv[1:])
    library = largest_mapped_file()
    if options.chunk > os.path.getsize(library):
        print(f"private-file: --chunk must be within the size of {library}", file=sys.stderr)
        sys.exit(2)
    file = os.open(library, os.O_RDONLY)
    run(leaker, options)
