"""/proc/PID/pagemap: 64 bits for each virtual page (admin-guide/mm/pagemap.rst; fs/proc/task_mmu.c)."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memlab.errors import Unsupported
from memlab.procfs.host import Host
from memlab.procfs.page_runs import Category, PageRuns
from memlab.procfs.tree import Spans

ENTRY_BYTES = 8
_WINDOW_PAGES = 1 << 16  # half a MiB of entries
_BITS = {
    63: Category.PRESENT,
    62: Category.SWAPPED,
    61: Category.FILE,
    58: Category.GUARD,
}
_Words = NDArray[np.uint64]
_NO_RUNS: _Words = np.zeros((3, 0), dtype=np.uint64)
_FRAME = (1 << 55) - 1


@dataclass(frozen=True)
class Entry:
    """One virtual page; `raw` is the entry as read.

    A page is present (in memory), swapped, or neither. The bits by their numbers in pagemap.rst.
    """

    raw: int

    def _bit(self, number: int) -> bool:
        return bool(self.raw >> number & 1)

    @property
    def present(self) -> bool:
        """Bit 63: in memory; the zero page too."""
        return self._bit(63)

    @property
    def swapped(self) -> bool:
        """Bit 62: in swap (or moving to another frame just now)."""
        return self._bit(62)

    @property
    def file_or_shared(self) -> bool:
        """Bit 61: a page of a file or of shared memory (3.5)."""
        return self._bit(61)

    @property
    def guard(self) -> bool:
        """Bit 58: a guard made by MADV_GUARD_INSTALL (6.15)."""
        return self._bit(58)

    @property
    def exclusive(self) -> bool:
        """Bit 56: mapped by nobody else (4.2)."""
        return self._bit(56)

    @property
    def soft_dirty(self) -> bool:
        """Bit 55: written since clear_refs; always set, or never, where that is compiled out."""
        return self._bit(55)

    @property
    def pfn(self) -> int | None:
        """Bits 0-54: the page frame number; None where absent, or hidden (no CAP_SYS_ADMIN)."""
        return (self.raw & _FRAME or None) if self.present else None

    @property
    def swap(self) -> tuple[int, int] | None:
        """Bits 0-4 and 5-54: which swap area, and where in it; hidden like the frame (0, 0)."""
        return (self.raw & 31, (self.raw & _FRAME) >> 5) if self.swapped else None


def parse(entries: bytes) -> tuple[Entry, ...]:
    """Entries in the byte order of this machine; what is cut at the end is left out."""
    whole = len(entries) // ENTRY_BYTES * ENTRY_BYTES
    return tuple(
        Entry(int.from_bytes(entries[at : at + ENTRY_BYTES], sys.byteorder))
        for at in range(0, whole, ENTRY_BYTES)
    )


def read_runs(host: Host, pid: int | str, spans: Spans) -> PageRuns:
    """What `page_scan` tells, made of the entries: for kernels before 6.7.

    Eight bytes a page are read whether it is there or not. Zero pages cannot be told: see
    Category.MAYBE_ZERO.
    """
    path, page_bytes = f"/proc/{pid}/pagemap", host.page_bytes
    runs = [_NO_RUNS]
    for low, high in spans:
        for start in range(low, high, _WINDOW_PAGES * page_bytes):
            pages = (min(high - start, _WINDOW_PAGES * page_bytes)) // page_bytes
            text = host.read_at(path, start // page_bytes * ENTRY_BYTES, pages * ENTRY_BYTES)
            runs.append(_runs(np.frombuffer(text, dtype=np.uint64), start, page_bytes))
    found = np.concatenate(runs, axis=1)
    return PageRuns(found[0], found[1], found[2], knows_guards=True)


def _runs(entries: _Words, start: int, page_bytes: int) -> _Words:
    """Start, end and categories of the runs of like pages that are present or swapped."""
    if not len(entries):
        return _NO_RUNS
    categories = np.zeros(len(entries), dtype=np.uint64)
    for bit, category in _BITS.items():
        categories |= (entries >> np.uint64(bit) & np.uint64(1)) * np.uint64(category)
    present = entries >> np.uint64(63)
    mine = (entries >> np.uint64(61) | entries >> np.uint64(56)) & np.uint64(1)
    categories |= (present & ~mine) * np.uint64(Category.MAYBE_ZERO)
    ends = np.append(np.flatnonzero(np.diff(categories)) + 1, len(entries))
    begins = np.concatenate([[0], ends[:-1]])
    runs = np.array([begins * page_bytes + start, ends * page_bytes + start], dtype=np.uint64)
    found = np.vstack([runs, categories[begins]])
    return found[:, found[2] != 0]


def read(host: Host, pid: int | str, address: int) -> Entry:
    """The entry of the page that holds `address`; Denied for the process of another user.

    Unsupported where the kernel has no entry: behind the end of user space.
    """
    path = f"/proc/{pid}/pagemap"
    found = parse(host.read_at(path, address // host.page_bytes * ENTRY_BYTES, ENTRY_BYTES))
    if not found:
        raise Unsupported(f"{path} has no entry for {address:#x}", "it is no address of user space")
    return found[0]
