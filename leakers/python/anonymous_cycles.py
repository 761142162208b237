"""Leaks cycles that the collector never gets to see.

    node --> node.me --> node        no name leads there any more, and each holds the other:
      ^___________________/          counting references cannot free them

Only the cyclic collector frees such objects, and somebody has switched it off, as programs do
that fork or that want no pauses. --control collects in the same event.
"""

import gc
import sys

from _harness import KIB, MIB, WHOLLY_TOUCHED, Leaker, Options, run

NODE = 512  # the payload of 448, and the object with its collector's header: 64
gc.disable()


class Node:
    """An object that refers to itself."""

    __slots__ = ("me", "payload")


def leak(options):
    """Make one more set of cycles and let go of all of them."""
    for _ in range(options.chunk // NODE):
        node = Node()
        node.payload = bytes(448 - 33)  # a bytes object is 33 bytes and its contents
        node.me = node  # leaks here: unreachable, and never free


def give_back():
    """What the collector would have done."""
    gc.collect()


if __name__ == "__main__":
    leaker = Leaker(
        "anonymous-cycles",
        leak,
        give_back,
        pattern="anonymous",
        rate="1MiB/s",
        chunk=64 * KIB,
        chunk_from=NODE,
        elsewhere="one object has as many",
        cap=32 * MIB,
        basis="resident",
        touch=WHOLLY_TOUCHED,
    )
    run(leaker, Options(leaker, sys.argv[1:]))
