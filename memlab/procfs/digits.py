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


Join = tuple[Any, Any, Any]


class _Constants(NamedTuple):
    """One byte of each, repeated over the word; a shift; and what joins digits, by their base."""

    ones: Any
    low_nibbles: Any
    high_nibbles: Any
    sixes: Any
    nines: Any
    blanks: Any
    zeros: Any
    letters: Any
    four: Any
    six: Any
    one: Any
    half: Any
    decimal: tuple[Join, ...]
    hexadecimal: tuple[Join, ...]


@lru_cache
def _constants(size: int) -> _Constants:
    word = np.dtype(f"u{size}").type

    def each(byte: int) -> Any:
        return word(int.from_bytes(bytes([byte]) * size, "little"))

    def joins(base: int) -> tuple[Join, ...]:
        """Times this, shifted so far, and this of it: as 1, 2, 4 digits are joined with as many."""
        counts = [count for count in (1, 2, 4) if 2 * count <= size]
        return tuple(
            (
                word(1 + (base**count << 8 * count)),
                word(8 * count),
                word(
                    int.from_bytes(
                        (b"\xff" * count + b"\0" * count) * (size // count // 2), "little"
                    )
                ),
            )
            for count in counts
        )

    return _Constants(
        ones=each(0x01),
        low_nibbles=each(0x0F),
        high_nibbles=each(0xF0),
        sixes=each(0x06),
        nines=word(0x09),
        blanks=each(0x10),
        zeros=each(0x30),
        letters=word(0x27),
        four=word(4),
        six=word(6),
        one=word(1),
        half=word(1 << 8 * size - 1),
        decimal=joins(10),
        hexadecimal=joins(16) if size == 8 else (),
    )


def decimal(words: Words) -> tuple[NDArray[np.signedinteger[Any]], NDArray[np.bool_]]:
    """Right-aligned numbers; (values, which words really are such: blanks, then digits).

    A word of 2, 4 or 8 bytes holds as many characters, and its value is as wide.
    """
    size = words.dtype.itemsize
    c = _constants(size)
    other = words ^ c.zeros  # a digit is 0x30 to 0x39, a blank 0x20
    blanks = other & c.blanks
    low = other ^ blanks
    whole = (blanks << c.four) - (blanks >> c.four)  # all bits of what is a blank
    bad = (low + c.sixes) & c.high_nibbles  # neither digit nor blank
    bad |= low & whole  # '!' to '/'
    bad |= whole & (whole + c.one)  # a blank behind a digit
    good = (bad == 0) & (whole < c.half)  # the last is a digit
    for times, bits, mask in c.decimal:
        low = (low * times >> bits) & mask
    return low.view(f"i{size}"), good


def hexadecimal(words: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Eight digits 0-9 a-f; (values, which words really are such)."""
    c = _constants(8)
    is_letter = (words >> c.six) & c.ones  # 'a' is 0x61
    value = ((words & c.low_nibbles) + is_letter * c.nines) & c.low_nibbles
    above_nine = (value + c.sixes) >> c.four & c.ones
    good = value + c.zeros + above_nine * c.letters == words  # written again, it is the same
    for times, bits, mask in c.hexadecimal:
        value = (value * times >> bits) & mask
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
