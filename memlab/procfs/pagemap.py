"""/proc/PID/pagemap: 64 bits for each virtual page (admin-guide/mm/pagemap.rst; fs/proc/task_mmu.c)."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from memlab.errors import Unsupported
from memlab.procfs.host import Host
from memlab.units import PAGE_BYTES

ENTRY_BYTES = 8
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


def read(host: Host, pid: int | str, address: int, page_bytes: int = PAGE_BYTES) -> Entry:
    """The entry of the page that holds `address`; Denied for the process of another user.

    Unsupported where the kernel has no entry: behind the end of user space.
    """
    path = f"/proc/{pid}/pagemap"
    found = parse(host.read_at(path, address // page_bytes * ENTRY_BYTES, ENTRY_BYTES))
    if not found:
        raise Unsupported(f"{path} has no entry for {address:#x}", "it is no address of user space")
    return found[0]
