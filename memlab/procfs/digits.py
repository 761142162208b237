"""Numbers out of text, all digits of a word and all words of an array at once.

The first character of a number lies in the lowest byte of a little-endian word. Neighbouring
digits are joined into pairs, pairs into fours, fours into eights: three steps instead of eight.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.unsignedinteger[Any]]


class _Constants(NamedTuple):
    """One byte of each, repeated over the word; the masks of every second byte, four, eight."""

    ones: Any
    low_nibbles: Any
    high_nibbles: Any
    sixes: Any
    carries: Any
    blanks: Any
    zeros: Any
    joins: tuple[tuple[Any, Any, Any], ...]


@lru_cache
def _constants(size: int) -> _Constants:
    word = np.dtype(f"u{size}").type

    def each(byte: int) -> Any:
        return word(int.from_bytes(bytes([byte]) * size, "little"))

    # (digits so far, bits so far, mask of what is joined)
    joins = tuple(
        (
            word(10**count),
            word(8 * count),
            word(
                int.from_bytes((b"\xff" * count + b"\0" * count) * (size // count // 2), "little")
            ),
        )
        for count in (1, 2, 4)
        if 2 * count <= size
    )
    return _Constants(
        ones=each(0x01),
        low_nibbles=each(0x0F),
        high_nibbles=each(0xF0),
        sixes=each(0x06),
        carries=each(0x10),
        blanks=each(0x20),
        zeros=each(0x30),
        joins=joins,
    )


def decimal(words: Words) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Right-aligned numbers; (values, which words really are such: blanks, then digits).

    A word of 2, 4 or 8 bytes holds as many characters.
    """
    size = words.dtype.itemsize
    c = _constants(size)
    shift = words.dtype.type
    low = words & c.low_nibbles
    is_digit = (words >> shift(4)) & c.ones  # a digit is 0x30 to 0x39, a blank 0x20
    whole = is_digit << shift(4)
    bad = (words & c.high_nibbles) ^ (whole | c.blanks)
    bad |= (low + c.sixes) & c.carries  # ':' to '?'
    bad |= low & ~(whole - is_digit)  # '!' to '/'
    bad |= (is_digit << shift(8)) & ~is_digit  # a blank behind a digit
    good = (bad == 0) & (is_digit >> shift(8 * size - 8) == 1)
    for scale, bits, mask in c.joins:
        low = (low * scale + (low >> bits)) & mask
    return low.astype(np.int64), good


def hexadecimal(words: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Eight digits 0-9 a-f; (values, which words really are such)."""
    c = _constants(8)
    shift = np.uint64
    is_letter = (words >> shift(6)) & c.ones  # 'a' is 0x61
    value = ((words & c.low_nibbles) + (is_letter << shift(3)) + is_letter) & c.low_nibbles
    above_nine = (value + c.sixes) >> shift(4) & c.ones
    good = value + c.zeros + above_nine * shift(0x27) == words  # written again, it is the same
    for count, (_, bits, mask) in zip((1, 2, 4), c.joins, strict=True):
        value = (value << shift(4 * count) | value >> bits) & mask
    return value, good


MOST_DIGITS = 18  # of a number that always fits 63 bits


def spans(
    text: NDArray[np.uint8], first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Numbers of any width, text[first:last] each; (values, which really are 1 to 18 digits)."""
    width = last - first
    good = (width > 0) & (width <= MOST_DIGITS)
    values = np.zeros(width.shape, np.int64)
    for place in range(min(int(width.max(initial=0)), MOST_DIGITS)):
        inside = place < width
        digit = text[np.maximum(last - 1 - place, 0)] - np.uint8(ord("0"))
        good &= (digit <= 9) | ~inside
        values += np.where(inside, digit, 0) * np.int64(10**place)
    return values, good
