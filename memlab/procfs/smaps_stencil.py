"""How one kernel lays out a block of smaps, learnt from the first block of a text.

Nearly all blocks are alike but for their digits, because the kernel right-aligns numbers to
eight places (SEQ_PUT_DEC in fs/proc/task_mmu.c), and most share a few sets of VmFlags and a few
files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from memlab.procfs.bytes_view import Words
from memlab.procfs.smaps_lines import FLAGS, LINE, NUMBER, SOMETIMES
from memlab.procfs.tails import Odd

MARK = b"VmFlags:"
PLACES = 8
FLAGS_BYTES = 120  # 39 flags are more than there are (show_smap_vma_flags)


@dataclass
class Stencil:
    """One block between its header and its VmFlags, learnt from a text.

    image: its bytes from the newline before it, as words of eight; fixed: the
    mask of what must not differ; units: bytes (or 1) of each number; places: where in the image its
    eight places begin, and blanks: how many of them are blank here; owners: whose place a byte of
    the text is, and which; values: the numbers of the block itself.
    """

    length: int
    image: Words
    fixed: Words
    units: dict[str, int]
    places: dict[str, int]
    blanks: dict[str, int]
    owners: dict[int, tuple[str, int]]
    values: dict[str, int]
    flags: list[str] = field(default_factory=lambda: [""])
    # the first one, all zeros, is no line: so there always is one to compare with
    _flag_lines: Words = field(default_factory=lambda: np.zeros((1, FLAGS_BYTES // 8), np.uint64))
    _flag_sums: Words = field(default_factory=lambda: np.zeros(1, dtype=np.uint64))
    _flag_order: NDArray[np.int32] = field(default_factory=lambda: np.zeros(1, dtype=np.int32))

    def fits(self, block: bytes) -> bool:
        """Whether a text that begins with this mapping is laid out so."""
        first = block.find(b"\n")
        image = block[first : first + 8 * len(self.image)]
        if len(image) != 8 * len(self.image):
            return False
        # whole numbers, as one look is not worth three calls of numpy
        mask, same = self._fixed_bits
        return int.from_bytes(image, "little") & mask == same

    @cached_property
    def _fixed_bits(self) -> tuple[int, int]:
        mask = int.from_bytes(self.fixed.tobytes(), "little")
        return mask, int.from_bytes(self.image.tobytes(), "little") & mask

    @classmethod
    def learn(cls, block: bytes) -> Stencil:
        """From the text of one mapping; raises Odd where it cannot be a stencil."""
        first = block.find(b"\n") + 1
        last = block.find(b"\n" + MARK) + 1
        if not 0 < first < last:
            raise Odd
        units, places, position = {}, {}, 1
        for line in block[first:last].splitlines(keepends=True):
            match = LINE.match(line.rstrip(b"\n"))
            amount = match and NUMBER.fullmatch(match[2])
            if not match or not amount:
                raise Odd
            last_digit = match.start(2) + amount.end(1)
            if len(amount[1]) > PLACES or last_digit - match.end(1) <= PLACES:
                raise Odd  # wider than eight places, or not aligned to them
            units[match[1].decode()] = 1024 if amount[2] else 1
            places[match[1].decode()] = position + last_digit - PLACES
            position += len(line)
        if units.keys() & SOMETIMES or not units.keys() >= {"Size", "Rss"}:
            raise Odd
        length = last - first
        width = -(-(1 + length) // 8) * 8
        image = (block[first - 1 : last] + MARK)[:width]
        fixed = np.full(width, 0xFF, dtype=np.uint8)
        for place in places.values():
            fixed[place : place + PLACES] = 0
        texts = {key: image[at : at + PLACES] for key, at in places.items()}
        blanks = {key: PLACES - len(text.lstrip()) for key, text in texts.items()}
        values = {key: int(text) * units[key] for key, text in texts.items()}
        owners = {at + n: (key, n) for key, at in places.items() for n in range(PLACES)}
        words = np.frombuffer(image, "<u8")
        return cls(length, words, fixed.view("<u8"), units, places, blanks, owners, values)

    def flag_ids(self, lines: Words) -> NDArray[np.int32]:
        """The number of each line's set of flags; a line is words of eight, zeros behind its newline."""
        sums = lines @ _odd_factors(lines.shape[1])
        ids = self._likely_flags(sums)
        unlike = self._lines(ids, lines.shape[1]) != lines
        if unlike.any():
            new = np.flatnonzero(unlike.any(axis=1))
            _, first = np.unique(sums[new], return_index=True)
            for row in new[first].tolist():
                self._learn_flags(lines[row].tobytes().rstrip(b"\0"))
            ids = self._likely_flags(sums)
            if (self._lines(ids, lines.shape[1]) != lines).any():
                raise Odd  # unlike lines of equal sums
        return ids

    def _likely_flags(self, sums: Words) -> NDArray[np.int32]:
        """The flags of these sums, if they are known at all."""
        ids: NDArray[np.int32] = self._flag_order[self._flag_sums.searchsorted(sums, "right") - 1]
        return ids

    def _lines(self, ids: NDArray[np.int32], width: int) -> Words:
        return self._flag_lines[:, :width].take(ids, axis=0)  # twice as fast as [ids, :width]

    def _learn_flags(self, line: bytes) -> None:
        if line[:1] != b" " or line[-1:] != b"\n" or not FLAGS.fullmatch(line[1:-1]):
            raise Odd
        words = np.frombuffer(line.ljust(FLAGS_BYTES, b"\0"), dtype="<u8")
        self._flag_lines = np.vstack([self._flag_lines, words])
        sums = self._flag_lines @ _odd_factors(FLAGS_BYTES // 8)
        self._flag_order = np.argsort(sums).astype(np.int32)
        self._flag_sums = sums[self._flag_order]
        self.flags.append(line.decode().strip())


@lru_cache
def _odd_factors(count: int) -> Words:
    """Any odd numbers: a sum of words times these differs where the words differ, nearly always."""
    powers = [pow(0x9E3779B97F4A7C15, power, 1 << 64) for power in range(1, count + 1)]
    return np.array(powers, dtype=np.uint64)
