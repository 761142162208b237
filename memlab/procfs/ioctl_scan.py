"""The system call behind `page_scan`: PAGEMAP_SCAN, again and again, over spans of addresses."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fcntl import ioctl

import numpy as np

_REQUEST = 0xC0606610  # _IOWR('f', 16, struct pm_scan_arg), include/uapi/linux/fs.h
# size, flags, start, end, walk_end, vec, vec_len, max_pages, and four masks of categories:
# inverted, all of, any of, returned
_ARGUMENT = struct.Struct("=12Q")
_MOST_RUNS = 4096
# The kernel holds the lock of the address space while it walks. Where pages are dense it is asked
# for little at a time (16 MiB took 0.1 ms), where there are few for more and more.
_LEAST_STEP, _MOST_STEP = 16 << 20, 1 << 30


def scan(descriptor: int, spans: Sequence[tuple[int, int]], any_of: int, returned: int) -> bytes:
    """The page_region structs (start, end, categories; 64 bits each) of an open pagemap, in order."""
    runs = np.empty((_MOST_RUNS, 3), dtype=np.uint64)
    where = runs.__array_interface__["data"][0]
    found: list[bytes] = []
    for low, high in spans:
        step = _LEAST_STEP
        while low < high:
            until = min(low + step, high)
            argument = bytearray(
                _ARGUMENT.pack(
                    _ARGUMENT.size, 0, low, until, 0, where, _MOST_RUNS, 0, 0, 0, any_of, returned
                )
            )
            count = ioctl(descriptor, _REQUEST, argument)
            if count:
                found.append(runs[:count].tobytes())
            if count == _MOST_RUNS:  # it was full; walk_end may be stale then
                low = int(runs[-1, 1])
                continue
            if until < high:
                resident = int((runs[:count, 1] - runs[:count, 0]).sum())
                step = min(2 * step, _MOST_STEP) if resident < (until - low) // 4 else _LEAST_STEP
            low = until
    return b"".join(found)
