"""Looks like a leak: a cache that grows until it is full, and from then on forgets the oldest.

    cache  [ a ][ b ][ c ][ d ] - -    cap / chunk places, as functools.lru_cache has
             ^ the oldest goes when a new one comes

RSS rises and then stays, while the program works as before.
"""

import collections
import sys

from _harness import KIB, MIB, Leaker, Options, run, touch

places = collections.OrderedDict()


def work(options):
    """Put one more answer into the cache."""
    answer = bytearray(options.chunk)
    touch(answer, options.touched)
    places[object()] = answer  # grows here
    if len(places) * options.chunk > options.cap:
        places.popitem(last=False)


if __name__ == "__main__":
    leaker = Leaker(
        "bounded-cache",
        work,
        lookalike=True,
        rate="4MiB/s",
        chunk=64 * KIB,
        cap=16 * MIB,
        basis="resident",
    )
    run(leaker, Options(leaker, sys.argv[1:]))
