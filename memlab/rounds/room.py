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
# no use to go on where it is no pymalloc that answers, or where it holds more than this
_MOST_BYTES = 128 << 20
_BYTES_OBJECT = sys.getsizeof(b"")


def fill() -> list[list[object]]:
    """Take blocks of each size until that asks the kernel for a new arena; who drops the list gives them back.

    About 35 MiB, in some 30 ms. Nothing where Python was told to use another allocator.
    """
    taken: list[list[object]] = []
    if not sys.getallocatedblocks():
        return taken
    left = _MOST_BYTES
    with open("/proc/self/statm", "rb", buffering=0) as statm:
        for size in range(_STEP, _LARGEST + 1, _STEP):
            before = 0
            while left > 0:
                taken.append([make() for make in [_maker(size)] * (_PIECE_BYTES // size)])
                left -= _PIECE_BYTES
                now = _address_space(statm.fileno())
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


def _address_space(statm: int) -> int:
    return int(os.pread(statm, 64, 0).split()[0]) * os.sysconf("SC_PAGE_SIZE")
