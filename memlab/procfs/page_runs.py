"""Runs of like pages of a process, as PAGEMAP_SCAN finds them or as pagemap's entries make them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

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

    def bytes_in(
        self, chosen: NDArray[np.bool_], start: NDArray[np.uint64], end: NDArray[np.uint64]
    ) -> NDArray[np.int64]:
        """How much of the chosen runs lies in each of the spans start[i]..end[i]."""
        low, high = self.start[chosen].astype(np.int64), self.end[chosen].astype(np.int64)
        if not len(low):
            return np.zeros(len(start), dtype=np.int64)
        before = np.concatenate([[0], np.cumsum(high - low)])
        return _below(end, low, high, before) - _below(start, low, high, before)


def _below(
    addresses: NDArray[np.uint64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    before: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Bytes of all runs below each address."""
    at = addresses.astype(np.int64)
    run = np.searchsorted(low, at, side="right")
    inside = np.minimum(at, high[run - 1]) - low[run - 1]
    return np.where(run > 0, before[run - 1] + inside, 0)
