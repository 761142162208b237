"""/proc/PID/maps as columns: what growth needs of 60,000 mappings, in a tenth of the time that rows take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memlab.procfs import maps
from memlab.procfs.bytes_view import Bytes, Words, positions
from memlab.procfs.host import Host
from memlab.procfs.smaps_headers import PERMS, Headers
from memlab.procfs.tails import Odd, Tail

_PIECE = 2048  # lines
_PADDING = 64  # bytes that Headers may look at behind the last line
_PERMS = np.array(PERMS, dtype=object)
_PRIVATE = np.array([perms[3] == "p" for perms in PERMS])


class MapsTable:
    """The columns of maps, equal to the rows of `maps.parse`; names and the like when asked for.

    start, end: uint64 addresses, end excluded; offset: bytes into the file, uint64; private: which
    are MAP_PRIVATE.
    """

    def __init__(self, pieces: Sequence[Headers]) -> None:
        self.start: Words = _joined([piece.start for piece in pieces], np.uint64)
        self.end: Words = _joined([piece.end for piece in pieces], np.uint64)
        self.offset: Words = _joined([piece.offset for piece in pieces], np.uint64)
        self._perms: NDArray[np.int8] = _joined([piece.perms for piece in pieces], np.int8)
        self.private: NDArray[np.bool_] = _PRIVATE.take(self._perms)
        self._files: list[Tail] = []
        places = []
        for piece in pieces:
            places.append(piece.file + np.int32(len(self._files)))
            self._files += piece.files
        self._file: NDArray[np.int32] = _joined(places, np.int32)

    def __len__(self) -> int:
        return len(self.start)

    @cached_property
    def perms(self) -> list[str]:
        """Four letters each."""
        return _PERMS[self._perms].tolist()  # type: ignore[no-any-return]

    @cached_property
    def inode(self) -> Words:
        """0 where there is no file."""
        inodes: Words = np.array([inode for _, inode, _ in self._files], dtype=np.uint64)
        return inodes[self._file]

    @cached_property
    def device(self) -> list[str]:
        """Major and minor number in decimal."""
        return self._each([device for device, _, _ in self._files])

    @cached_property
    def names(self) -> list[str]:
        """A path, [heap] and the like, or "" for anonymous memory."""
        return self._each([name for _, _, name in self._files])

    def _each(self, of_files: list[str]) -> list[str]:
        return np.array(of_files, dtype=object)[self._file].tolist()  # type: ignore[no-any-return]

    def of_file(self, fits: Callable[[Tail], bool]) -> NDArray[np.bool_]:
        """Which mappings have a (device, inode, name) that fits; each different one is asked once."""
        return np.array([fits(file) for file in self._files], dtype=np.bool_).take(self._file)


def _joined(columns: list[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return columns[0] if len(columns) == 1 else np.concatenate([np.zeros(0, dtype=kind), *columns])


class _Lines:
    """Takes a text as it comes, in pieces whose columns stay in the cache."""

    def __init__(self) -> None:
        self.pieces: list[Headers] = []

    def take(self, buffer: bytearray, length: int, last: bool) -> int:
        """See Host.pour. Raises Odd."""
        view: Bytes = np.frombuffer(buffer, dtype=np.uint8)
        tails = positions(view, length, ord("\n")) + 1
        whole = int(tails[-1]) if len(tails) else 0
        if last and whole != length:
            raise Odd
        heads = np.zeros(len(tails) + 1, dtype=np.int64)
        heads[1:] = tails
        for at in range(0, len(tails), _PIECE):
            few = slice(at, min(at + _PIECE, len(tails)))
            self.pieces.append(Headers(view, heads[few], tails[few]))
        return whole


def parse(text: bytes, path: str = "maps") -> MapsTable:
    """Malformed where a line is no mapping."""
    lines = _Lines()
    try:
        lines.take(bytearray(text) + bytes(_PADDING), len(text), last=True)
    except Odd:
        return _from_rows(maps.parse(text, path))  # which knows what is odd, and where
    return MapsTable(lines.pieces)


def _from_rows(rows: Sequence[maps.Mapping]) -> MapsTable:
    nothing = np.zeros(len(rows), dtype=np.int64)
    headers = Headers(np.zeros(_PADDING, dtype=np.uint8), nothing, nothing)
    for row, found in enumerate(rows):
        headers.put(row, astuple(found))
    return MapsTable([headers])


def read(host: Host, pid: int | str) -> MapsTable:
    """Read it; Denied for the process of another user. Empty for kernel threads and zombies."""
    path = f"/proc/{pid}/maps"
    lines = _Lines()
    try:
        host.pour(path, lines.take, _PADDING)
    except Odd:
        return parse(host.read(path), path)
    return MapsTable(lines.pieces)
