"""Many lines of maps, or header lines of smaps, at once: addresses, permissions, files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memlab.errors import Malformed
from memlab.procfs import digits
from memlab.procfs.maps import Header, parse_header
from memlab.procfs.smaps_stencil import Bytes, Words
from memlab.procfs.tails import Odd, Tail, Tails

# header: 12-12 perms offset, as addresses of user space are wide on 64 bit
HEAD = b"000000000000-000000000000 rwxp 00000000 "
_BARE_TAIL = b"00:00 0 "  # anonymous memory: no device, no inode, no name
_HEAD_RECORD = np.dtype(
    {
        "names": ["start", "start_low", "end", "end_low", "perms", "offset", "tail"],
        "formats": ["<u8", "<u4", "<u8", "<u4", "<u4", "<u8", "<u8"],
        "offsets": [0, 8, 13, 21, 26, 31, 40],
        "itemsize": 48,
    }
)
_HEAD_WORDS: Words = np.frombuffer(HEAD + bytes(8), dtype="<u8")
_HEAD_FIXED: Words = np.frombuffer(
    bytes(0xFF if at in (12, 25, 30, 39) else 0 for at in range(48)), dtype="<u8"
)
_HALF, _FOUR_ZEROS = np.uint64(32), np.uint64(0x30303030)
# in the order of the bits that tell a letter from "-" (bit 6 of its byte) and s from p (bit 0)
PERMS = tuple(r + w + x + s for s in "ps" for x in "-x" for w in "-w" for r in "-r")
_PERM_WORDS: NDArray[np.uint32] = np.frombuffer("".join(PERMS).encode(), dtype="<u4")
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
        files: Tails,
    ) -> None:
        window = windows(view, len(HEAD) + 8)[heads]
        record = window.view(_HEAD_RECORD)[:, 0]
        words = np.empty((5, len(heads)), dtype="<u8")
        words[0], words[2], words[4] = record["start"], record["end"], record["offset"]
        words[1] = record["start_low"].astype("<u8") << _HALF | _FOUR_ZEROS
        words[3] = record["end_low"].astype("<u8") << _HALF | _FOUR_ZEROS
        values, good = digits.hexadecimal(words)
        usual = good.all(axis=0) & (tails > 0)
        differs = (window.view("<u8") ^ _HEAD_WORDS) & _HEAD_FIXED
        if np.bitwise_or.reduce(differs, axis=0).any():
            usual &= ~differs.any(axis=1)
        perms = record["perms"]
        codes = (perms >> 6 & 1) | (perms >> 13 & 2) | (perms >> 20 & 4) | (perms >> 21 & 8)
        self.perms = codes.astype(np.int8)
        usual &= _PERM_WORDS[self.perms] == perms
        sixteen = np.uint64(16)
        self.start = values[0] << sixteen | values[1]
        self.end = values[2] << sixteen | values[3]
        self.offset = values[4]
        usual &= self.start < self.end
        self.files: list[Tail] = [_NO_FILE]
        self.file: NDArray[np.int32] = np.zeros(len(heads), dtype=np.int32)
        bare = record["tail"] == np.frombuffer(_BARE_TAIL, "<u8")[0]
        named = ~(bare & (tails == heads + len(HEAD) + len(_BARE_TAIL) + 1)) & usual
        self._put_named(view, np.flatnonzero(named), heads, tails, files)
        for row in np.flatnonzero(~usual & (tails > 0)).tolist():
            self.put(row, _parsed(view[int(heads[row]) : int(tails[row]) - 1].tobytes()))

    def _put_named(
        self,
        view: Bytes,
        rows: NDArray[np.int64],
        heads: NDArray[np.int64],
        tails: NDArray[np.int64],
        files: Tails,
    ) -> None:
        if not len(rows):
            return
        begins = heads[rows] + len(HEAD)
        found = _slices(view, begins, tails[rows] - 1 - begins)
        places = {tail: place for place, tail in enumerate(dict.fromkeys(found), len(self.files))}
        self.files += map(files.parse, places)
        self.file[rows] = [places[tail] for tail in found]

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


def windows(view: Bytes, width: int) -> Bytes:
    """Row i is view[i : i + width]; as numpy's sliding_window_view, without its checks."""
    return np.ndarray((len(view) - width + 1, width), np.uint8, view, strides=(1, 1))


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
