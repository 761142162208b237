"""The text of smaps as a table: for each mapping a header and a block of `Key: N kB` lines.

Nearly all blocks of a text are alike but for their digits, because the kernel right-aligns
numbers to eight places. So one block is learnt as a stencil, and all that fit it are read at once
with numpy; the rest is read line by line, and that reader alone says what is Malformed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memlab.errors import Malformed
from memlab.procfs.maps import Header, parse_header

# All numbers that kernels up to 6.18 print (fs/proc/task_mmu.c); the last two are no sizes
_NUMBER_NAMES = (
    "Size KernelPageSize MMUPageSize Rss Pss Pss_Dirty Pss_Anon Pss_File Pss_Shmem Shared_Clean"
    " Shared_Dirty Private_Clean Private_Dirty Referenced Anonymous KSM LazyFree AnonHugePages"
    " ShmemPmdMapped FilePmdMapped Shared_Hugetlb Private_Hugetlb Swap SwapPss Locked Nonlinear"
    " THPeligible ProtectionKey"
)
NUMBERS = frozenset(_NUMBER_NAMES.split())
TEXTS = frozenset({"VmFlags", "Name"})
# Printed for some mappings only: Nonlinear from Linux 3.5 to 4.0, Name on Android
_SOMETIMES = frozenset({"Nonlinear", "Name"})

_PLACES = 8  # the width to which the kernel aligns (SEQ_PUT_DEC)
_ROWS_AT_ONCE = 4096  # keeps what numpy works on in the processor's cache
_LINE = re.compile(rb"([A-Z][A-Za-z0-9_]*):[ \t]*(.*)", re.DOTALL)
_NUMBER = re.compile(rb"([0-9]{1,15})( kB)?")  # 15 digits of kB are below 2**63 bytes
_FLAGS = re.compile(rb"([!-~]{2}( [!-~]{2})*)? ?")


@dataclass
class Table:
    """What the text says; entry i of every column is of mapping i.

    numbers: bytes where the line is in kB, else the number as it is; texts: all other lines, ""
    where a mapping has none. Both by the kernel's names.
    """

    headers: list[Header]
    numbers: dict[str, NDArray[np.int64]]
    texts: dict[str, list[str]]


def read_table(text: bytes, path: str) -> Table:
    """Raises Malformed where a line is odd or a block is cut. An empty text has no mappings."""
    if text.endswith(b"\n\n") or not text.endswith(b"\n"):
        text = text.rstrip(b"\n") + b"\n"
    if text == b"\n":
        return Table([], {}, {})
    blocks = _Blocks(text, path)
    reader = _Reader(blocks)
    alike = _read_alike(blocks, reader)
    for row in np.flatnonzero(~alike).tolist():
        reader.read_block(row)
    return Table(reader.headers, reader.numbers, reader.texts)


class _Blocks:
    """Where lines and blocks are: `heads` and `nexts` number the lines from 0, `nexts` excluded."""

    def __init__(self, text: bytes, path: str) -> None:
        self.text, self.path = text, path
        self.buffer: NDArray[np.uint8] = np.frombuffer(text, dtype=np.uint8)
        self.ends = np.flatnonzero(self.buffer == ord("\n"))
        self.starts = np.concatenate(([0], self.ends[:-1] + 1))
        # a key starts with a capital letter, an address never does
        first = self.buffer[self.starts]
        is_key = (first >= ord("A")) & (first <= ord("Z"))
        if is_key[0]:
            raise self.malformed(0, "stands before any mapping")
        self.heads = np.flatnonzero(~is_key)
        self.nexts = np.append(self.heads[1:], len(self.starts))

    def __len__(self) -> int:
        return len(self.heads)

    def line(self, number: int) -> bytes:
        return self.text[int(self.starts[number]) : int(self.ends[number])]

    def malformed(self, number: int, why: str) -> Malformed:
        return Malformed(self.path, number + 1, self.line(number).decode(errors="replace"), why)


class _Reader:
    """Reads line by line into the columns; the first block says what every block must have."""

    def __init__(self, blocks: _Blocks) -> None:
        self.blocks = blocks
        self.headers = [
            parse_header(
                blocks.line(number).decode(errors="surrogateescape"), blocks.path, number + 1
            )
            for number in blocks.heads.tolist()
        ]
        self.numbers: dict[str, NDArray[np.int64]] = {}
        self.units: dict[str, int] = {}
        self.texts: dict[str, list[str]] = {}
        self.needed: frozenset[str] = frozenset()
        self._flags: dict[bytes, str] = {}
        self.read_block(0)
        self.needed = frozenset(self.numbers.keys() | self.texts.keys()) - _SOMETIMES
        if not {"Size", "Rss"} <= self.needed:
            raise blocks.malformed(0, "has no Size and Rss behind it: this is maps, or it is cut")

    def read_block(self, row: int) -> None:
        seen = set()
        head = int(self.blocks.heads[row])
        for number in range(head + 1, int(self.blocks.nexts[row])):
            match = _LINE.fullmatch(self.blocks.line(number))
            if match is None:
                raise self.blocks.malformed(number, "has no 'Key: value'")
            key = match[1].decode()
            if key in seen:
                raise self.blocks.malformed(number, "is there twice")
            if self.needed and key not in self.needed | _SOMETIMES:
                raise self.blocks.malformed(number, "is not in the mappings before")
            seen.add(key)
            self._put(row, key, match[2], number)
        missing = self.needed - seen
        if missing:
            raise self.blocks.malformed(head, f"is a cut block, without {min(missing)}")

    def _put(self, row: int, key: str, value: bytes, number: int) -> None:
        amount = _NUMBER.fullmatch(value)
        if key == "VmFlags":
            self.put_flags(row, value, number)
        elif amount is not None and key not in self.texts and key not in TEXTS:
            unit = 1024 if amount[2] else 1
            if self.units.setdefault(key, unit) != unit:
                raise self.blocks.malformed(number, "has another unit than before")
            self.column(key)[row] = int(amount[1]) * unit
        elif key in NUMBERS or key in self.numbers:
            raise self.blocks.malformed(number, "is no number")
        else:
            self._texts_of(key)[row] = value.decode(errors="surrogateescape")

    def put_flags(self, row: int, value: bytes, number: int) -> None:
        """Most mappings share a few sets of flags."""
        flags = self._flags.get(value)
        if flags is None:
            if not _FLAGS.fullmatch(value):
                raise self.blocks.malformed(number, "holds a flag that has not two letters")
            flags = self._flags[value] = value.decode().strip()
        self._texts_of("VmFlags")[row] = flags

    def column(self, key: str) -> NDArray[np.int64]:
        if key not in self.numbers:
            self.numbers[key] = np.zeros(len(self.blocks), dtype=np.int64)
        return self.numbers[key]

    def _texts_of(self, key: str) -> list[str]:
        if key not in self.texts:
            self.texts[key] = [""] * len(self.blocks)
        return self.texts[key]


@dataclass
class _Stencil:
    """The numeric lines of one block, and where in it each number's last digit is."""

    image: NDArray[np.uint8]
    keys: list[str]
    last_digits: list[int]


def _read_alike(blocks: _Blocks, reader: _Reader) -> NDArray[np.bool_]:
    """Read all blocks that fit the commonest stencil; gives the mask of those that it read."""
    alike = np.zeros(len(blocks), dtype=np.bool_)
    last = blocks.nexts - 1
    flagged = blocks.buffer[blocks.starts[last]] == ord("V")
    begin = blocks.ends[blocks.heads] + 1
    length = np.where(flagged, blocks.starts[last], blocks.ends[last] + 1) - begin
    lengths, frequency = np.unique(length, return_counts=True)
    common = int(lengths[frequency.argmax()])
    like = np.flatnonzero((length == common) & (flagged == ("VmFlags" in reader.needed)))
    stencil = _stencil(blocks, reader, int(like[0]), common) if len(like) else None
    if stencil is None:
        return alike
    windows = np.lib.stride_tricks.sliding_window_view(blocks.buffer, common)
    for first in range(0, len(like), _ROWS_AT_ONCE):
        rows = like[first : first + _ROWS_AT_ONCE]
        fits, values = _through(stencil, windows[begin[rows]])
        alike[rows] = fits
        for key, column in zip(stencil.keys, values, strict=True):
            reader.column(key)[rows[fits]] = column[fits].astype(np.int64) * reader.units[key]
    if "VmFlags" in reader.needed:
        fit = np.flatnonzero(alike)
        lines = last[fit]
        skip = len("VmFlags:")
        spans = zip(
            fit.tolist(),
            lines.tolist(),
            (blocks.starts[lines] + skip).tolist(),
            blocks.ends[lines].tolist(),
            strict=True,
        )
        for row, number, start, end in spans:
            reader.put_flags(row, blocks.text[start:end].lstrip(b" \t"), number)
    return alike


def _stencil(blocks: _Blocks, reader: _Reader, row: int, length: int) -> _Stencil | None:
    """Learn one block; None where it has more or less than the numbers that all must have."""
    begin = int(blocks.ends[blocks.heads[row]]) + 1
    image = blocks.text[begin : begin + length]
    keys, last_digits, position = [], [], 0
    for line in image.splitlines(keepends=True):
        match = _LINE.match(line.rstrip(b"\n"))
        amount = match and _NUMBER.fullmatch(match[2])
        if not match or not amount or amount.end(1) + match.start(2) < _PLACES + match.end(1) + 1:
            return None
        keys.append(match[1].decode())
        last_digits.append(position + match.start(2) + amount.end(1) - 1)
        position += len(line)
    if set(keys) != reader.needed & reader.numbers.keys() or len(set(keys)) != len(keys):
        return None
    return _Stencil(np.frombuffer(image, dtype=np.uint8), keys, last_digits)


def _through(
    stencil: _Stencil, images: NDArray[np.uint8]
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Which images fit, and their numbers, one row per key.

    An image fits where it differs from the stencil in nothing but right-aligned digits.
    """
    holes = (np.array(stencil.last_digits)[:, None] + np.arange(1 - _PLACES, 1)).ravel()
    same = images == stencil.image
    same[:, holes] = True
    places = images[:, holes].reshape(len(images), -1, _PLACES)
    blank = places == ord(" ")
    digit = (places ^ ord("0")) < 10
    aligned = (blank | digit) & digit[:, :, -1:]
    aligned[:, :, 1:] &= ~(blank[:, :, 1:] & digit[:, :, :-1])
    fits = same.all(axis=1) & aligned.all(axis=(1, 2))
    # a blank is 0x20 and a digit 0x30 to 0x39: the low half is the value of both
    worth = (places & 0x0F).astype(np.int32)
    values = worth[:, :, 0]
    for place in range(1, _PLACES):
        values = values * 10 + worth[:, :, place]
    return fits, values.T
