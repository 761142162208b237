"""Leaks address space: reserved, and never touched.

    kept, a list       +- - - - - - - - -+- - - - - - - - -+
    mmap, mmap ------> :  reserved ---p  :  reserved ---p  :    VSZ grows, RSS does not
                       +- - - - - - - - -+- - - - - - - - -+

PROT_NONE: not even page tables. --control unmaps in the same event.
"""

import mmap
import sys

from _harness import GIB, MIB, NEVER_TOUCHED, Leaker, Options, run

RESERVED = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
kept = []


def leak(options):
    """Reserve one more area."""
    kept.append(mmap.mmap(-1, options.chunk, flags=RESERVED, prot=0))  # leaks here


def give_back():
    """Give the newest area back."""
    kept.pop().close()


if __name__ == "__main__":
    leaker = Leaker(
        "address-space",
        leak,
        give_back,
        rate="64MiB/s",
        chunk=16 * MIB,
        cap=4 * GIB,
        basis="virtual",
        touch=NEVER_TOUCHED,
    )
    run(leaker, Options(leaker, sys.argv[1:]))
