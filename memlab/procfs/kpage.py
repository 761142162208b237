"""/proc/kpageflags and /proc/kpagecount: 64 bits for each page frame (pagemap.rst; fs/proc/page.c). Root only."""

from __future__ import annotations

import sys

from memlab.errors import Unsupported
from memlab.procfs.host import Host

ENTRY_BYTES = 8
# include/uapi/linux/kernel-page-flags.h from bit 0, and linux/kernel-page-flags.h from bit 32
_NAMES = (
    "locked error referenced uptodate dirty lru active slab writeback reclaim buddy mmap anon"
    " swapcache swapbacked compound_head compound_tail huge unevictable hwpoison nopage ksm thp"
    " offline zero_page idle pgtable"
).split()
_HACKING = (
    "reserved mlocked owner_2 private private_2 owner_private arch uncached softdirty arch_2 arch_3"
).split()
FLAGS: dict[int, str] = dict(enumerate(_NAMES)) | dict(enumerate(_HACKING, 32))


def parse_flags(entry: int) -> frozenset[str]:
    """The names of the bits that are set; 'bit_N' for one without a name."""
    return frozenset(FLAGS.get(bit, f"bit_{bit}") for bit in range(64) if entry >> bit & 1)


def read_flags(host: Host, pfn: int) -> frozenset[str]:
    """What the frame is; Denied but for root."""
    return parse_flags(_entry(host, "/proc/kpageflags", pfn))


def read_count(host: Host, pfn: int) -> int:
    """How often the frame is mapped, by all processes together; Denied but for root."""
    return _entry(host, "/proc/kpagecount", pfn)


def _entry(host: Host, path: str, pfn: int) -> int:
    entry = host.read_at(path, pfn * ENTRY_BYTES, ENTRY_BYTES)
    if len(entry) < ENTRY_BYTES:
        raise Unsupported(f"{path} has no frame {pfn:#x}", "there is no memory at that place")
    return int.from_bytes(entry, sys.byteorder)
