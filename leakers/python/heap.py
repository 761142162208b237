"""Leaks blocks of the malloc heap, by keeping what nobody will ask for again.

    kept, a list                [heap], grown by brk(2)
    +-----------+               +--------+--------+--------+ - - -
    | reference |-------------> | buffer | buffer | buffer |
    | reference |               +--------+--------+--------+ - - -
    +-----------+                 each has an owner, so no collector may free it

Python does not lose pointers: its leaks are references that somebody keeps. Objects up to 512
bytes would come from pymalloc's own arenas; these are larger, and Python asks malloc for them.
--control drops the reference in the same event.
"""

import sys

from _harness import KIB, MIB, Leaker, Options, run, touch

kept = []


def leak(options):
    """Keep one more buffer."""
    block = bytearray(options.chunk)
    touch(block, options.touched)
    kept.append(block)  # leaks here: the list outlives the work


def give_back():
    """Drop the newest buffer."""
    kept.pop()


if __name__ == "__main__":
    leaker = Leaker(
        "heap",
        leak,
        give_back,
        rate="2MiB/s",
        chunk=64 * KIB,
        chunk_below=128 * KIB,
        chunk_from=1024,
        elsewhere="smaller ones are pymalloc's, larger ones mappings: `anonymous-objects`, `anonymous`",
        cap=64 * MIB,
        basis="resident",
    )
    run(leaker, Options(leaker, sys.argv[1:]))
