"""Fills the room that Python's allocator holds free: what leaks of small objects then shows at once.

pymalloc (Objects/obmalloc.c) cuts arenas of 1 MiB into pools, each for blocks of one size up to 512 bytes. After the
imports and the tests that ran before, pools that are free, or half free, may hold megabytes: all of it resident
already, so that a leak which fits in there moves nothing in /proc.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

_ARENA_BYTES = 1 << 20
_LARGEST, _STEP = 512, 16  # of the blocks, and between their sizes
_PIECE_BYTES = 64 << 10
# what is free in its arenas is resident already; where so much more becomes resident it is no pymalloc that answers
_MOST_BYTES = 128 << 20
_BYTES_OBJECT = sys.getsizeof(b"")


def fill() -> list[list[object]]:
    """Take blocks of each size until that asks the kernel for a new arena; who drops the list gives them back.

    The largest first: these take the pools that are free, which may be hundreds of megabytes, in the fewest objects.
    About 35 MiB, in some 30 ms, where there are none. Nothing where Python was told to use another allocator.
    """
    taken: list[list[object]] = []
    if not sys.getallocatedblocks():
        return taken
    with open("/proc/self/statm", "rb", buffering=0) as statm:
        _, resident = _sizes(statm.fileno())
        for size in range(_LARGEST, 0, -_STEP):
            before = 0
            while True:
                taken.append([make() for make in [_maker(size)] * (_PIECE_BYTES // size)])
                now, is_resident = _sizes(statm.fileno())
                if is_resident - resident > _MOST_BYTES:
                    return taken
                # one piece moves brk by less than an arena: its list is the larger part of what malloc is asked for
                if before and now - before >= _ARENA_BYTES:
                    break
                before = now
    return taken


def _maker(size: int) -> Callable[[], object]:
    if size < _BYTES_OBJECT + 2:
        return object if size == _STEP else lambda: float("1.5")
    # a byte more than the empty object has is one that all share; so the block is filled to its end
    return lambda: bytes(size - _BYTES_OBJECT)


def _sizes(statm: int) -> tuple[int, int]:
    """Address space and resident set, in bytes."""
    size, resident, *_ = map(int, os.pread(statm, 64, 0).split())
    page = os.sysconf("SC_PAGE_SIZE")
    return size * page, resident * page
