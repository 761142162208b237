"""Leaks small Python objects.

    kept --> [ 448 bytes ] --> [ 448 bytes ] --> - -     512 bytes a link, all in
             pymalloc's arenas: 1 MiB mappings, anonymous

Up to 512 bytes Python asks its own allocator, which takes arenas of 1 MiB with mmap: [heap]
does not move. That is why small objects are an `anonymous` leak, and larger ones a `heap` leak.
--control drops the links in the same event.
"""

import sys

from _harness import KIB, MIB, WHOLLY_TOUCHED, Leaker, Options, run

LINK = 512  # a bytes object of 448, and a tuple of two with its collector's header: 64
kept = [None]


def leak(options):
    """Keep one more chain of small objects."""
    chain = None
    for _ in range(options.chunk // LINK):
        chain = (chain, bytes(448 - 33))  # a bytes object is 33 bytes and its contents
    kept.append(chain)  # leaks here


def give_back():
    """Drop the newest chain."""
    kept.pop()


if __name__ == "__main__":
    leaker = Leaker(
        "anonymous-objects",
        leak,
        give_back,
        pattern="anonymous",
        rate="1MiB/s",
        chunk=64 * KIB,
        chunk_from=LINK,
        elsewhere="one object has as many",
        cap=32 * MIB,
        basis="resident",
        touch=WHOLLY_TOUCHED,
    )
    run(leaker, Options(leaker, sys.argv[1:]))
