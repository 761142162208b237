"""Looks like a leak: cycles that pile up until Python's collector comes.

    RSS     /|  /|  /|
           / | / | / |     each tooth cap / rate seconds long: 4 by default,
          /  |/  |/  |     60 with --rate 256KiB/s

Seen for less than a tooth it grows like a leak; its floor stays where it was.
"""

import gc
import mmap
import sys

from _harness import KIB, MIB, Leaker, Options, run, touch

gc.disable()  # so that the collection comes when the cap is reached, and not by chance
garbage = 0


class Node:
    """Refers to itself, and has a mapping that goes with it."""


def work(options):
    """Make one more piece of garbage; collect when there is enough of it."""
    global garbage
    if garbage + options.chunk > options.cap:
        gc.collect()
        garbage = 0
    node = Node()
    node.me = node
    node.area = mmap.mmap(-1, options.chunk, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    touch(node.area, options.touched)  # grows here
    garbage += options.chunk


if __name__ == "__main__":
    leaker = Leaker(
        "sawtooth",
        work,
        lookalike=True,
        rate="4MiB/s",
        chunk=256 * KIB,
        cap=16 * MIB,
        basis="resident",
    )
    run(leaker, Options(leaker, sys.argv[1:]))
