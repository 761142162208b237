"""Many lines of maps, or header lines of smaps, at once: addresses, permissions, files."""

from __future__ import annotations

from collections import defaultdict
from itertools import count

import numpy as np
from numpy.typing import NDArray

from memlab.errors import Malformed
from memlab.procfs import digits
from memlab.procfs.bytes_view import Bytes, Words, windows
from memlab.procfs.maps import Header, parse_header
from memlab.procfs.tails import Odd, Tail
from memlab.procfs.tails import parse as parse_tail

# header: 12-12 perms offset, as addresses of user space are wide on 64 bit
HEAD = b"000000000000-000000000000 rwxp 00000000 "
_BARE_TAIL = b"00:00 0 "  # anonymous memory: no device, no inode, no name
_BARE_WORD = np.frombuffer(_BARE_TAIL, "<u8")[0]
_WIDTH = len(HEAD) + len(_BARE_TAIL)
# start, end, offset by eight digits; then the last eight of the twelve that an address has
_DIGITS = (0, 13, 31, 4, 17)
_DASH, _LAST_BLANK = HEAD.index(b"-"), len(HEAD) - 1
# the permissions and the blanks round them, in the fourth word of a header
_PERMS_AND_BLANKS = np.uint64(0x00FFFFFFFFFFFF00)
# the bits that tell r w x from "-" and s from p; times the other these are the highest four: x w s r
_LETTERS, _TO_THE_TOP, _TOP = np.uint64(0x0000014040400000), np.uint64(0x4102200000), np.uint64(60)
PERMS = tuple(r + w + x + s for x in "-x" for w in "-w" for s in "ps" for r in "-r")
_PERM_WORDS: Words = np.frombuffer(
    "".join(f"\0 {perms} \0" for perms in PERMS).encode(), dtype="<u8"
)
_SIXTEEN = np.uint64(16)
_NO_FILE = ("0:0", 0, "")
_WIDEST = 512  # bytes of a tail; beyond it gathering all costs more than it saves


class Headers:
    """The columns of some lines: start, end, offset, inode are as in `smaps.Smaps`.

    perms are places in PERMS, file is a place in `files`, of which the first is no file. `heads`
    are where the lines begin, `tails` where what follows them does; 0 for a line that is put in
    later. The view has 48 bytes more than the lines.
    """

    def __init__(
        self,
        view: Bytes,
        heads: NDArray[np.int64],
        tails: NDArray[np.int64],
    ) -> None:
        window = windows(view, _WIDTH)[heads]
        around_perms, tail = window.view("<u8")[:, 3], window.view("<u8")[:, 5]
        words = np.empty((len(_DIGITS), len(heads)), dtype="<u8")
        for at, eight in zip(_DIGITS, words, strict=True):
            eight[:] = window[:, at : at + 8].view("<u8")[:, 0]
        values, good = digits.hexadecimal(words)
        self.start, self.end = values[:2] << _SIXTEEN | values[3:]
        self.offset = values[2]
        codes = (around_perms & _LETTERS) * _TO_THE_TOP >> _TOP
        self.perms = codes.astype(np.int8)
        usual = _PERM_WORDS[self.perms] == around_perms & _PERMS_AND_BLANKS
        usual &= good.all(axis=0)
        usual &= window[:, _DASH] == ord("-")
        usual &= window[:, _LAST_BLANK] == ord(" ")
        usual &= self.start < self.end
        usual &= tails > 0
        self.files: list[Tail] = [_NO_FILE]
        self.file: NDArray[np.int32] = np.zeros(len(heads), dtype=np.int32)
        named = (tail != _BARE_WORD) | (tails - heads != _WIDTH + 1)
        named &= usual
        self._put_named(view, np.flatnonzero(named), heads, tails)
        for row in np.flatnonzero((tails > 0) & ~usual).tolist():
            self.put(row, _parsed(view[int(heads[row]) : int(tails[row]) - 1].tobytes()))

    def _put_named(
        self,
        view: Bytes,
        rows: NDArray[np.int64],
        heads: NDArray[np.int64],
        tails: NDArray[np.int64],
    ) -> None:
        if not len(rows):
            return
        begins = heads[rows] + len(HEAD)
        found = _slices(view, begins, tails[rows] - 1 - begins)
        places = defaultdict[bytes, int](count(len(self.files)).__next__)  # as they come
        self.file[rows] = np.fromiter(map(places.__getitem__, found), np.int32, len(found))
        self.files += map(parse_tail, places)

    def put(self, row: int, header: Header) -> None:
        """One header that another reader has read."""
        start, end, perms, offset, device, inode, name = header
        self.start[row], self.end[row], self.offset[row] = start, end, offset
        self.perms[row] = PERMS.index(perms)
        self.file[row] = len(self.files)
        self.files.append((device, inode, name))

    @property
    def inode(self) -> Words:
        """Of each line's file; 0 for none."""
        return np.array([inode for _, inode, _ in self.files], dtype=np.uint64)[self.file]

    @property
    def device(self) -> list[str]:
        """Of each line's file, in decimal."""
        return self.each([device for device, _, _ in self.files])

    @property
    def names(self) -> list[str]:
        """Of each line's file, [heap] and the like, or ""."""
        return self.each([name for _, _, name in self.files])

    def each(self, of_files: list[str]) -> list[str]:
        """What stands in a list at the place of each line's file."""
        return np.array(of_files, dtype=object)[self.file].tolist()  # type: ignore[no-any-return]


def _parsed(line: bytes) -> Header:
    try:
        header = parse_header(line.decode(errors="surrogateescape"), "smaps", 0)
    except Malformed:
        raise Odd from None
    if b"\n" in line:
        raise Odd
    return header


def _slices(view: Bytes, begins: NDArray[np.int64], lengths: NDArray[np.int64]) -> list[bytes]:
    """The bytes of each span; gathered first, as slices of numpy's are dear one by one."""
    width = int(lengths.max())
    if width > _WIDEST or int(begins[-1]) + width > len(view):
        text = view.data
        spans = zip(begins.tolist(), (begins + lengths).tolist(), strict=True)
        return [text[begin:end].tobytes() for begin, end in spans]
    whole = windows(view, width)[begins].tobytes()
    return [
        whole[at : at + length]
        for at, length in zip(range(0, len(whole), width), lengths.tolist(), strict=True)
    ]
