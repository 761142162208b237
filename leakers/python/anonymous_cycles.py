"""Leaks rings of objects that the collector never gets to see.

    node --> node --> node --> ...      no name leads there any more, and each holds the next:
      ^________________________/        counting references cannot free them

Only the cyclic collector frees such objects, and somebody has switched it off, as programs do
that fork or that want no pauses. --control cuts the ring in the same event.
"""

import gc
import sys
import weakref

from _harness import KIB, MIB, WHOLLY_TOUCHED, Leaker, Options, run

NODE = 512  # the payload of 448, and the object with its collector's header: 64
gc.disable()
rings = []  # they keep nothing alive: by them --control and the saw find what they cut


class Node:
    """Refers to another one, and carries something."""

    __slots__ = ("__weakref__", "next", "payload")

    def __init__(self):
        self.payload = bytes(448 - 33)  # a bytes object is 33 bytes and its contents


def leak(options):
    """Make one more ring and let go of it."""
    first = last = Node()
    for _ in range(options.chunk // NODE - 1):
        last.next = Node()
        last = last.next
    last.next = first  # leaks here: unreachable, and never free
    rings.append(weakref.ref(first))


def give_back():
    """Cut the newest ring: then each node that goes lets go of the next."""
    rings.pop()().next = None


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
