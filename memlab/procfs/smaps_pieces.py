"""Whole mappings of a smaps text, hundreds at once, with numpy.

Nearly all blocks of a text are alike but for their digits, because the kernel right-aligns
numbers to eight places (SEQ_PUT_DEC in fs/proc/task_mmu.c). So one block is learnt as a stencil,
and eight characters at a time are compared with it. What does not fit is read line by line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from memlab.errors import Malformed
from memlab.procfs import digits
from memlab.procfs.bytes_view import Bytes, Words, positions, windows
from memlab.procfs.maps import Header
from memlab.procfs.smaps_headers import HEAD, Headers
from memlab.procfs.smaps_lines import read_table
from memlab.procfs.smaps_stencil import FLAGS_BYTES, MARK, PLACES, Stencil
from memlab.procfs.tails import Odd

PADDING = 256  # bytes that must be readable behind a piece: windows reach beyond its end

_MARK_WORD = np.frombuffer(MARK, "<u8")[0]
_BEFORE, _LAST_BYTE = 8, np.uint64(56)  # of the mark a whole word is looked at, with the newline
_FLAGS_WIDTHS = (40, FLAGS_BYTES)  # 12 flags are many

Numbers = dict[str, NDArray[np.int64] | int]


@dataclass(frozen=True)
class Piece:
    """Columns of some mappings, in order.

    numbers: bytes, by the kernel's names; an array, or one number where all mappings have the
    same. flags: places in the stencil's list of them.
    """

    headers: Headers
    numbers: Numbers
    flags: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.flags)


def end_of_last_block(view: Bytes, length: int) -> int:
    """Where the last whole mapping of a text ends; 0 where none does."""
    text = view[:length]
    tail = bytes(text[-16384:])
    mark = tail.rfind(b"\n" + MARK)
    while mark >= 0:
        end = tail.find(b"\n", mark + 1)
        if end >= 0:
            return length - len(tail) + end + 1
        mark = tail.rfind(b"\n" + MARK, 0, mark)
    return 0


def read_piece(view: Bytes, length: int, stencil: Stencil) -> Piece:
    """The mappings in view[:length], which are whole; behind them lie PADDING bytes of anything.

    Raises Odd where the text as a whole is not what it should be.
    """
    heads, marks, flags = _blocks(view, length, stencil)
    begins = marks - stencil.length
    numbers, plain = _numbers(view, begins, stencil)
    plain &= begins > heads + len(HEAD)
    if plain.all():
        headers = Headers(view, heads, begins)
    else:
        headers = Headers(view, heads, np.where(plain, begins, 0))
        columns = {key: np.full(len(heads), column) for key, column in numbers.items()}
        for row in np.flatnonzero(~plain).tolist():
            stop = int(heads[row + 1]) if row + 1 < len(heads) else length
            alone = _read_alone(view[int(heads[row]) : stop].tobytes(), row, columns, stencil)
            headers.put(row, alone)
        numbers = dict(columns)
    return Piece(headers, numbers, flags)


def _blocks(
    view: Bytes, length: int, stencil: Stencil
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Where each header begins, where each VmFlags line begins, and its flags' number."""
    found = positions(view, length, ord("V"))
    if not len(found) or found[0] < _BEFORE:
        raise Odd
    for width in _FLAGS_WIDTHS:
        marks, window = _marks(view, found, width)
        ends = window[:, _BEFORE + len(MARK) + 1 :: 3] == ord("\n")  # a flag: two letters, a blank
        count = ends.argmax(axis=1)
        if ((count > 0) | ends[:, 0]).all():
            break
    else:
        raise Odd
    lines = window.view("<u8")[:, 2:] & _masks(width).take(count, axis=0)
    heads = np.zeros(len(marks) + 1, dtype=np.int64)
    heads[1:] = marks + 3 * count + (len(MARK) + 2)
    if heads[-1] != length:
        raise Odd
    return heads[:-1], marks, stencil.flag_ids(lines)


def _marks(view: Bytes, found: NDArray[np.int64], width: int) -> tuple[NDArray[np.int64], Bytes]:
    """Which are the marks of VmFlags lines; what is before each, it, and so much of its flags."""
    window = windows(view, _BEFORE + len(MARK) + width)[found - _BEFORE]
    words = window.view("<u8")
    are = (words[:, 1] == _MARK_WORD) & (words[:, 0] >> _LAST_BYTE == ord("\n"))
    if are.all():
        return found, window
    if not are.any():
        raise Odd
    return found[are], window[are]


@lru_cache
def _masks(width: int) -> Words:
    """For each number of flags, what of the window belongs to the line, newline included."""
    inside = np.arange(width) < 2 + 3 * np.arange(width // 3 + 1)[:, None]
    return np.where(inside, 0xFF, 0).astype(np.uint8).view("<u8")


def _numbers(
    view: Bytes, begins: NDArray[np.int64], stencil: Stencil
) -> tuple[Numbers, NDArray[np.bool_]]:
    """The numbers, and which mappings fit the stencil (the others' numbers mean nothing)."""
    width = 8 * len(stencil.image)
    fits = begins > 0
    images = windows(view, width)[np.maximum(begins - 1, 0)].view("<u8")
    differs = _differs(images, stencil)
    if (differs & stencil.fixed).any():
        fits &= ~((images ^ stencil.image) & stencil.fixed).any(axis=1)
        differs = _differs(images[fits], stencil)
    numbers: Numbers = dict(stencil.values)
    flat = images.view(np.uint8)
    for places, keys in _by_width(differs, stencil).items():
        words = np.empty((len(keys), len(begins)), dtype=f"<u{places}")
        for key, column in zip(keys, words, strict=True):
            at = stencil.places[key] + PLACES - places
            part: Words = np.ndarray(
                len(begins), words.dtype, flat, offset=at, strides=flat.strides[:1]
            )
            column[:] = part
        values, good = digits.decimal(words)
        if not good.all():
            fits &= good.all(axis=0)
        units = np.array([stencil.units[key] for key in keys])
        numbers.update(zip(keys, values * units[:, None], strict=True))
    return numbers, fits


def _differs(images: Words, stencil: Stencil) -> Words:
    """The bits in which any image is not the stencil's: cheaper than to look at each image's."""
    if not len(images):
        return np.zeros_like(stencil.image)
    some, every = np.bitwise_or.reduce(images, axis=0), np.bitwise_and.reduce(images, axis=0)
    found: Words = (some ^ stencil.image) | (every ^ stencil.image)
    return found


def _by_width(differs: Words, stencil: Stencil) -> dict[int, list[str]]:
    """The numbers that vary, by the places that must be looked at; the others are the stencil's.

    Few need all eight: where the stencil has blanks and nothing differs, there are none.
    """
    leftmost: dict[str, int] = {}
    for at in np.flatnonzero(differs.view(np.uint8)).tolist():
        if at in stencil.owners:
            key, place = stencil.owners[at]
            leftmost.setdefault(key, place)
    widths: dict[int, list[str]] = {}
    for key, place in leftmost.items():
        needed = PLACES - min(place, stencil.blanks[key])
        widths.setdefault(4 if needed <= 4 else 8, []).append(key)
    return widths


def _read_alone(
    block: bytes,
    row: int,
    rows: dict[str, NDArray[np.int64]],
    stencil: Stencil,
) -> Header:
    """One mapping, by the line reader; it must have what all the others have."""
    try:
        table = read_table(block, "smaps")
    except Malformed:
        raise Odd from None
    if table.units != stencil.units or table.texts.keys() != {"VmFlags"}:
        raise Odd
    for key, value in table.numbers.items():
        rows[key][row] = value[0]
    return table.headers[0]
