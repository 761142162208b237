"""Sort mappings into memory types and region kinds, and their bytes into the four types.

A mapping has a type and each of its bytes has one too: a private file mapping holds
copied pages that belong to no file any more. `bytes_by_type` counts bytes, so that it
adds up the way the kernel's own RssAnon, RssFile and RssShmem do (mm/memory.c,
`mm_counter`; fs/proc/task_mmu.c).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from memlab.model.memory import MemoryType, RegionKind
from memlab.model.stack_rows import mark_thread_stacks, without_guard
from memlab.procfs.smaps import Smaps
from memlab.units import MIB

# glibc's HEAP_MAX_SIZE on 64 bit (malloc/arena.c): twice the largest mmap threshold. An arena
# is aligned to its size, so the address alone finds it.
ARENA_BYTES = 64 * MIB
# where Go's heap begins on amd64 and on arm64, and how far it grows before another hint is taken
# (runtime/malloc.go, mallocinit); nothing else is mapped so low
_GO_HEAPS = ((0xC0 << 32, 1 << 40), (0x40 << 32, 0x50 << 32))

_ANONYMOUS_NAMES = re.compile(r"|\[stack:\d+\]|\[anon:[^]]*\]")
_SPECIAL = {"[heap]": RegionKind.HEAP, "[stack]": RegionKind.MAIN_STACK}
_KERNEL_PAGES = ("[vdso]", "[vvar]", "[vsyscall]", "[vvar_vclock]", "[uprobes]", "[sigpage]")
_SHMEM_KINDS = (
    RegionKind.SHARED_ANONYMOUS,
    RegionKind.SYSV_SHM,
    RegionKind.POSIX_SHM,
    RegionKind.MEMFD,
    RegionKind.TMPFS_FILE,
)


@dataclass(frozen=True)
class Regions:
    """The classification of one smaps; row i belongs to row i of `smaps`.

    `types` and `kinds` are int8 codes of `MemoryType` and `RegionKind`; `private` is bool.
    """

    smaps: Smaps
    types: NDArray[np.int8]
    kinds: NDArray[np.int8]
    private: NDArray[np.bool_]

    @cached_property
    def swap(self) -> NDArray[np.int64]:
        """Swapped bytes a row; zeros where the kernel has no swap column."""
        return _column(self.smaps, "swap")

    @cached_property
    def footprint(self) -> NDArray[np.int64]:
        """Bytes a row that occupy memory or swap: growth is judged on these, not on Rss."""
        return _column(self.smaps, "rss") + self.swap

    def of(self, *kinds: RegionKind) -> NDArray[np.bool_]:
        """The rows of these kinds, as a mask."""
        return np.isin(self.kinds, kinds)

    @cached_property
    def guardless_stacks(self) -> NDArray[np.bool_]:
        """The stacks, as a mask, that only the kernel's mark tells: no guard lies beside them."""
        return without_guard(self.smaps, self.kinds)

    @cached_property
    def bytes_by_type(self) -> dict[MemoryType, int]:
        """Resident bytes by type, swap included; OTHER is what is none of the four."""
        rss, anonymous = _column(self.smaps, "rss"), _column(self.smaps, "anonymous")
        shmem = np.isin(self.kinds, _SHMEM_KINDS)
        other = self.types == MemoryType.OTHER
        file = ~shmem & ~other
        backed = rss - anonymous  # pages that still belong to a file or to shmem
        shared_swap = self.swap[shmem & ~self.private].sum()
        return {
            MemoryType.PRIVATE_ANONYMOUS: int(
                anonymous[~other].sum() + self.swap[~other].sum() - shared_swap
            ),
            MemoryType.SHARED_ANONYMOUS: int(backed[shmem].sum() + shared_swap),
            MemoryType.PRIVATE_FILE: int(backed[file & self.private].sum()),
            MemoryType.SHARED_FILE: int(backed[file & ~self.private].sum()),
            MemoryType.OTHER: int(self.footprint[other].sum()),
        }

    @cached_property
    def virtual_by_kind(self) -> dict[RegionKind, int]:
        """Mapped bytes by kind."""
        return _sum_by_kind(
            self.kinds, self.smaps.end.astype(np.int64) - self.smaps.start.astype(np.int64)
        )

    @cached_property
    def footprint_by_kind(self) -> dict[RegionKind, int]:
        """Resident plus swapped bytes by kind."""
        return _sum_by_kind(self.kinds, self.footprint)

    @cached_property
    def count_by_kind(self) -> dict[RegionKind, int]:
        """Mappings by kind; the guard of a stack and the reserve of an arena are not counted."""
        bare = np.array([perms.startswith("---") for perms in self.smaps.perms], dtype=np.bool_)
        counted = ~bare | (self.kinds == RegionKind.GUARD)
        counts = np.bincount(self.kinds[counted], minlength=len(RegionKind))
        return {kind: int(counts[kind]) for kind in RegionKind}


def classify(smaps: Smaps, tmpfs_devices: Collection[str] = ()) -> Regions:
    """Give every mapping its type and kind.

    `tmpfs_devices` are the "major:minor" of mounted tmpfs file systems (mountinfo), by which
    a mapped tmpfs file is told from a file on disk; /dev/shm is known without them.
    """
    private = np.array([perms[3] == "p" for perms in smaps.perms], dtype=np.bool_)
    devices = frozenset(tmpfs_devices)
    kinds = np.array(
        [
            _kind(name, perms, device, devices)
            for name, perms, device in zip(smaps.names, smaps.perms, smaps.device, strict=True)
        ],
        dtype=np.int8,
    )
    _mark_hugetlb_and_devices(smaps, kinds)
    _mark_arenas(smaps, kinds)
    mark_thread_stacks(smaps, kinds)
    return Regions(smaps, _types(kinds, private), kinds, private)


def _kind(name: str, perms: str, device: str, tmpfs_devices: frozenset[str]) -> RegionKind:
    if name in _SPECIAL:
        return _SPECIAL[name]
    if name in _KERNEL_PAGES:
        return RegionKind.VDSO
    if _ANONYMOUS_NAMES.fullmatch(name):
        if perms[3] == "s":
            return RegionKind.SHARED_ANONYMOUS
        return RegionKind.GUARD if perms[:3] == "---" else RegionKind.PLAIN_ANONYMOUS
    if name.startswith("/SYSV"):
        return RegionKind.SYSV_SHM
    if name.startswith("/memfd:"):
        return RegionKind.MEMFD
    if name.startswith("/dev/shm/"):
        return RegionKind.POSIX_SHM
    if name.startswith(("/dev/zero", "[anon_shmem:")):
        # a private mapping of /dev/zero is plain anonymous memory, a shared one is shmem
        return RegionKind.SHARED_ANONYMOUS if perms[3] == "s" else RegionKind.PLAIN_ANONYMOUS
    if device in tmpfs_devices:
        return RegionKind.TMPFS_FILE
    if name.startswith("/dev/"):
        return RegionKind.DEVICE
    if not name.startswith("/"):
        return RegionKind.OTHER
    if "x" in perms:
        return RegionKind.FILE_TEXT
    return RegionKind.FILE_DATA if "w" in perms else RegionKind.FILE_READONLY


def _mark_hugetlb_and_devices(smaps: Smaps, kinds: NDArray[np.int8]) -> None:
    """VmFlags know better than names: ht is hugetlb, io and pf are device memory."""
    for row, flags in enumerate(smaps.vm_flags):
        if "ht" in flags:
            kinds[row] = RegionKind.HUGETLB
        elif flags & {"io", "pf"} and kinds[row] != RegionKind.VDSO:
            kinds[row] = RegionKind.DEVICE


def _mark_arenas(smaps: Smaps, kinds: NDArray[np.int8]) -> None:
    """A malloc arena: aligned to 64 MiB, its used part rw-p, its unused part ---p behind it.

    So is Go's first arena, at an address of its own.
    """
    for heap, end in _GO_HEAPS:
        go = (smaps.start >= heap) & (smaps.end <= end)
        if np.any(smaps.start == heap):
            bare = np.isin(kinds, (RegionKind.PLAIN_ANONYMOUS, RegionKind.GUARD))
            kinds[go & bare] = RegionKind.ALLOCATOR_ARENA
    for row in np.flatnonzero(kinds == RegionKind.PLAIN_ANONYMOUS):
        start, end = int(smaps.start[row]), int(smaps.end[row])
        if start % ARENA_BYTES:
            continue
        following = row + 1
        if end - start == ARENA_BYTES:
            kinds[row] = RegionKind.ARENA
        elif (
            following < len(smaps)
            and kinds[following] == RegionKind.GUARD
            and int(smaps.start[following]) == end
            and int(smaps.end[following]) == start + ARENA_BYTES
        ):
            # the reserve belongs to the arena; leaving it a guard would turn the mapping
            # above it into a thread stack
            kinds[row] = kinds[following] = RegionKind.ARENA


def _types(kinds: NDArray[np.int8], private: NDArray[np.bool_]) -> NDArray[np.int8]:
    types = np.where(private, MemoryType.PRIVATE_FILE, MemoryType.SHARED_FILE).astype(np.int8)
    anonymous = (
        RegionKind.HEAP,
        RegionKind.ARENA,
        RegionKind.THREAD_STACK,
        RegionKind.MAIN_STACK,
        RegionKind.ALLOCATOR_ARENA,
        RegionKind.PLAIN_ANONYMOUS,
        RegionKind.GUARD,
    )
    types[np.isin(kinds, anonymous)] = MemoryType.PRIVATE_ANONYMOUS
    shmem = np.isin(kinds, _SHMEM_KINDS)
    types[shmem & ~private] = MemoryType.SHARED_ANONYMOUS
    none = (RegionKind.OTHER, RegionKind.DEVICE, RegionKind.VDSO, RegionKind.HUGETLB)
    types[np.isin(kinds, none)] = MemoryType.OTHER
    return types


def _column(smaps: Smaps, name: str) -> NDArray[np.int64]:
    return smaps.column(name) if name in smaps.columns else np.zeros(len(smaps), dtype=np.int64)


def _sum_by_kind(kinds: NDArray[np.int8], sizes: NDArray[np.int64]) -> dict[RegionKind, int]:
    sums = np.bincount(kinds, weights=sizes, minlength=len(RegionKind))
    return {kind: int(sums[kind]) for kind in RegionKind}
