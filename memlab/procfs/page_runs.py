"""Runs of like pages of a process, as PAGEMAP_SCAN finds them or as pagemap's entries make them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


class Category(IntFlag):
    """What a page is: PAGE_IS_… of include/uapi/linux/fs.h, and one of our own.

    FILE: of a file or shared memory, not anonymous; PRESENT: in memory; SWAPPED: a swap entry, or
    any other marker in its place; PFNZERO: the zero page; HUGE: mapped by a huge page table entry;
    GUARD: MADV_GUARD_INSTALL (6.15). MAYBE_ZERO: present and not exclusively ours, which an entry of pagemap
    says of the zero page and of an anonymous page that a fork shares alike.
    """

    FILE = 1 << 2
    PRESENT = 1 << 3
    SWAPPED = 1 << 4
    PFNZERO = 1 << 5
    HUGE = 1 << 6
    GUARD = 1 << 8
    MAYBE_ZERO = 1 << 32


@dataclass(frozen=True, eq=False)
class PageRuns:
    """Runs in order of address, none of them over another; start, end: bytes, end excluded.

    categories: bits of Category. knows_guards is whether this source tells a guard from a swap entry.
    """

    start: NDArray[np.uint64]
    end: NDArray[np.uint64]
    categories: NDArray[np.uint64]
    knows_guards: bool

    def has(self, wanted: Category) -> NDArray[np.bool_]:
        """Which runs have any of these."""
        found: NDArray[np.bool_] = (self.categories & np.uint64(wanted)) != 0
        return found

    @cached_property
    def anywhere(self) -> int:
        """The bits of Category that any run has."""
        return int(np.bitwise_or.reduce(self.categories))

    def within(self, start: NDArray[np.uint64], end: NDArray[np.uint64]) -> RunsWithin:
        """Cut by the spans start[i]..end[i], which are in order of address as the runs are."""
        span = np.searchsorted(end, self.start, side="right")  # the first that a run may lie in
        count = np.maximum(np.searchsorted(start, self.end) - span, 0)
        run = np.arange(len(count))
        if (count != 1).any():  # in none, or in neighbours too
            run = np.repeat(run, count)
            nth = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count)
            span = span[run] + nth
        low = np.maximum(self.start[run], start[span])
        high = np.minimum(self.end[run], end[span])
        return RunsWithin(run, span, (high - low).view(np.int64), len(start))


@dataclass(frozen=True, eq=False)
class RunsWithin:
    """Parts of runs: of which run and in which span, and how many bytes of it."""

    run: NDArray[np.int64]
    span: NDArray[np.int64]
    length: NDArray[np.int64]
    spans: int

    def bytes_of(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How much of the chosen runs lies in each span."""
        length = self.length * chosen[self.run]
        # float64, which bincount sums in, is exact up to 2**53 bytes
        return np.bincount(self.span, length, self.spans).astype(np.int64)
