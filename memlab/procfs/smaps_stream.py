"""smaps as it comes out of the kernel, a MiB at a time: read, split into pieces, made columns.

The text is never whole in memory, and what reads the same process again keeps the pieces
of the last time: a piece whose bytes have not changed is not parsed again.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from memlab.procfs.bytes_view import Bytes
from memlab.procfs.smaps_headers import PERMS
from memlab.procfs.smaps_lines import Table, read_table
from memlab.procfs.smaps_pieces import PADDING, Piece, end_of_last_block, read_piece
from memlab.procfs.smaps_stencil import Stencil
from memlab.procfs.tails import Odd

_PERMS = np.array(PERMS, dtype=object)
# what is remembered of a process is bounded; 100,000 mappings have 70 MB of text
_MOST_REMEMBERED = 128 << 20
_MOST_OF_A_BLOCK = 16384  # a name has 4096 bytes at the most, each of which may be escaped by four
_MOST_FLAGS = 1000
_ADDRESS = re.compile(rb"[0-9a-f]{1,16}")
_LEARNT = threading.local()

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class Columns:
    """All pieces together; as in `smaps.Smaps`, but keys are the kernel's."""

    start: NDArray[np.uint64]
    end: NDArray[np.uint64]
    offset: NDArray[np.uint64]
    inode: NDArray[np.uint64]
    perms: list[str]
    device: list[str]
    names: list[str]
    numbers: dict[str, NDArray[np.int64]]
    texts: dict[str, list[str]]


@dataclass(frozen=True)
class _Remembered:
    text: Bytes
    piece: Piece


class Stream:
    """Takes the pieces of one text; `memory` is that of the last text of the same process."""

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = memory
        self._remembers = memory is not None
        self._known = memory.known if memory else {}
        self._starts = sorted(self._known)
        self._stencil = memory.stencil if memory else None
        self._seen: dict[int, _Remembered] = {}
        self._pieces: list[Piece] = []
        self._bytes = 0

    def take(self, buffer: bytearray, length: int, last: bool) -> int:
        """Read buffer[:length] as far as it has whole mappings; says how many bytes that were.

        The buffer has PADDING bytes more. Raises Odd where only the line reader can help.
        """
        view: Bytes = np.frombuffer(buffer, dtype=np.uint8)
        whole = end_of_last_block(view, length)
        if last and whole != length:
            raise Odd
        done = 0
        while done < whole:
            done += self._take_one(view[done:], whole - done)
        return done

    def _take_one(self, view: Bytes, length: int) -> int:
        begin = _address(view[:40].tobytes())
        old = self._known.get(begin)
        if old and len(old.text) <= length and np.array_equal(view[: len(old.text)], old.text):
            self._add(begin, old)
            return len(old.text)
        if self._stencil is None:
            self._stencil = _stencil_for(view[: min(length, _MOST_OF_A_BLOCK)].tobytes())
        end = self._next_known(begin, view, length)
        piece = read_piece(view[: end + PADDING], end, self._stencil)
        kept = view[:end].copy() if self._remembers else view[:0]
        self._add(begin, _Remembered(kept, piece))
        return end

    def _add(self, begin: int, new: _Remembered) -> None:
        self._pieces.append(new.piece)
        self._bytes += len(new.text)
        if self._remembers and self._bytes <= _MOST_REMEMBERED:
            self._seen[begin] = new

    def _next_known(self, begin: int, view: Bytes, length: int) -> int:
        """Where the next piece of the last time begins, so that one change does not move all."""
        place = bisect_right(self._starts, begin)
        if place == len(self._starts):
            return length
        return view[:length].tobytes().find(b"\n%08x-" % self._starts[place]) + 1 or length

    def columns(self) -> Columns | None:
        """What was read; None where it is the same as the last time."""
        memory = self._memory
        if memory is not None:
            same = len(self._pieces) == len(memory.pieces) and all(
                new is old for new, old in zip(self._pieces, memory.pieces, strict=True)
            )
            memory.known, memory.stencil, memory.pieces = self._seen, self._stencil, self._pieces
            if same and self._pieces:
                return None
        return _joined(self._pieces, self._stencil)


class Memory:
    """What a reader remembers of one process between two readings."""

    def __init__(self) -> None:
        self.known: dict[int, _Remembered] = {}
        self.stencil: Stencil | None = None
        self.pieces: list[Piece] = []


def _address(line: bytes) -> int:
    digits = line.partition(b"-")[0]
    if not _ADDRESS.fullmatch(digits):
        raise Odd
    return int(digits, 16)


def _stencil_for(text: bytes) -> Stencil:
    """All processes of a kernel have one layout: the last one learnt will nearly always do."""
    latest: Stencil | None = getattr(_LEARNT, "stencil", None)
    if latest is None or not latest.fits(text) or len(latest.flags) > _MOST_FLAGS:
        latest = _LEARNT.stencil = _learn(text)
    return latest


def _learn(text: bytes) -> Stencil:
    """From the first mapping whose numbers have their usual width; raises Odd where none has."""
    while True:
        end = _end_of_first_block(text)
        try:
            return Stencil.learn(text[:end])
        except Odd:
            text = text[end:]


def _end_of_first_block(text: bytes) -> int:
    mark = text.find(b"\nVmFlags:")
    end = text.find(b"\n", mark + 1)
    if mark < 0 or end < 0:
        raise Odd
    return end + 1


def _joined(pieces: list[Piece], stencil: Stencil | None) -> Columns:
    if stencil is None or not pieces:
        nothing: NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)
        return Columns(nothing, nothing, nothing, nothing, [], [], [], {}, {})
    headers = [piece.headers for piece in pieces]
    flags = np.array(stencil.flags, dtype=object)
    return Columns(
        start=_array([one.start for one in headers]),
        end=_array([one.end for one in headers]),
        offset=_array([one.offset for one in headers]),
        inode=_array([one.inode for one in headers]),
        perms=_PERMS[_array([one.perms for one in headers])].tolist(),
        device=_list([one.device for one in headers]),
        names=_list([one.names for one in headers]),
        numbers={key: _joined_numbers(pieces, key) for key in stencil.units},
        texts={"VmFlags": flags[_array([piece.flags for piece in pieces])].tolist()},
    )


def _joined_numbers(pieces: list[Piece], key: str) -> NDArray[np.int64]:
    if len(pieces) == 1:  # which nearly all processes are
        return _whole(pieces[0].numbers[key], len(pieces[0]))
    return np.concatenate([_whole(piece.numbers[key], len(piece)) for piece in pieces])


def _array(parts: list[NDArray[T]]) -> NDArray[T]:
    """Most processes are one piece, which need not be copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _list(parts: list[list[str]]) -> list[str]:
    return parts[0] if len(parts) == 1 else [one for part in parts for one in part]


@lru_cache(maxsize=16)
def _constant(number: int, count: int) -> NDArray[np.int64]:
    column = np.full(count, number, dtype=np.int64)
    column.flags.writeable = False  # many columns of a piece are the same zeros
    return column


def _whole(numbers: NDArray[np.int64] | int, count: int) -> NDArray[np.int64]:
    return _constant(numbers, count) if isinstance(numbers, int) else numbers


def from_table(table: Table) -> Columns:
    """What the line reader has read."""
    start, end, perms, offset, device, inode, names = (
        map(list, zip(*table.headers, strict=True)) if table.headers else ([] for _ in range(7))
    )
    return Columns(
        start=np.array(start, dtype=np.uint64),
        end=np.array(end, dtype=np.uint64),
        offset=np.array(offset, dtype=np.uint64),
        inode=np.array(inode, dtype=np.uint64),
        perms=perms,
        device=device,
        names=names,
        numbers=table.numbers,
        texts=table.texts,
    )


def from_text(text: bytes, path: str) -> Columns:
    """A text that is whole; Malformed where a line is odd or a block is cut."""
    stream = Stream()
    try:
        if text:
            stream.take(bytearray(text) + bytes(PADDING), len(text), last=True)
        columns = stream.columns()
    except Odd:
        columns = None
    return columns or from_table(read_table(text, path))
