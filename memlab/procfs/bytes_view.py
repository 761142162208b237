"""A text as an array of its bytes: where one of them stands, and a window from each place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]

# times this, a word of which one byte is 1 has in its last byte which one that is
_BYTE_NUMBERS = np.uint64(0x0001020304050607)
_LAST_BYTE = np.uint64(56)


def positions(view: Bytes, length: int, byte: int) -> NDArray[np.int64]:
    """Where a rare byte stands: eight at a time are looked at first."""
    there = view[: length // 8 * 8 + 8] == byte
    words = there.view("<u8")
    found = np.flatnonzero(words != 0)
    bits = words[found]
    if (bits & (bits - np.uint64(1))).any():
        places = np.flatnonzero(there)  # two in one word
    else:
        places = 8 * found + (bits * _BYTE_NUMBERS >> _LAST_BYTE).view(np.int64)
    return places[places < length]


def windows(view: Bytes, width: int) -> Bytes:
    """Row i is view[i : i + width]; as numpy's sliding_window_view, without its checks."""
    return np.ndarray((len(view) - width + 1, width), np.uint8, view, strides=(1, 1))
