"""The two vocabularies of a mapping: the four memory types, and the finer region kinds."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class MemoryType(IntEnum):
    """Private or shared, anonymous or file: the course's two by two.

    The integers are the codes in the columns of `classify.Regions`. OTHER holds what is
    none of the four: device memory, the vdso, huge pages of hugetlbfs.
    """

    OTHER = 0
    PRIVATE_ANONYMOUS = 1
    SHARED_ANONYMOUS = 2
    PRIVATE_FILE = 3
    SHARED_FILE = 4

    @property
    def label(self) -> str:
        """'private anonymous', for people."""
        return self.name.lower().replace("_", " ")


FOUR_TYPES = (
    MemoryType.PRIVATE_ANONYMOUS,
    MemoryType.SHARED_ANONYMOUS,
    MemoryType.PRIVATE_FILE,
    MemoryType.SHARED_FILE,
)


class RegionKind(IntEnum):
    """What a mapping is for, as far as its name, place and neighbours tell."""

    OTHER = 0
    HEAP = 1
    ARENA = 2
    THREAD_STACK = 3
    MAIN_STACK = 4
    ALLOCATOR_ARENA = 5
    PLAIN_ANONYMOUS = 6
    GUARD = 7
    SHARED_ANONYMOUS = 8
    SYSV_SHM = 9
    POSIX_SHM = 10
    MEMFD = 11
    TMPFS_FILE = 12
    FILE_TEXT = 13
    FILE_DATA = 14
    FILE_READONLY = 15
    DEVICE = 16
    VDSO = 17
    HUGETLB = 18

    @property
    def label(self) -> str:
        """'thread stack', for people; the heap is '[heap]', as in /proc."""
        return _LABELS.get(self, self.name.lower().replace("_", " "))


_LABELS = {
    RegionKind.HEAP: "[heap]",
    RegionKind.MAIN_STACK: "[stack]",
    RegionKind.ARENA: "malloc arena",
    RegionKind.GUARD: "guard or reserved",
    RegionKind.SYSV_SHM: "SysV shared memory",
    RegionKind.POSIX_SHM: "POSIX shared memory",
    RegionKind.TMPFS_FILE: "tmpfs file",
    RegionKind.FILE_READONLY: "file, read-only",
    RegionKind.FILE_TEXT: "file, text",
    RegionKind.FILE_DATA: "file, data",
}


class Basis(StrEnum):
    """In which account a leak is measured."""

    VIRTUAL = "virtual"
    RESIDENT = "resident"
    SWAP_BACKED = "swap-backed"
    KERNEL = "kernel"
    COUNT = "count"


class Pattern(StrEnum):
    """The closed list of leak patterns: manifest, `diagnose --json` and docs use these words."""

    HEAP = "heap"
    ARENA = "arena"
    ANONYMOUS = "anonymous"
    THREAD_STACK = "thread-stack"
    MAIN_STACK = "main-stack"
    SHARED_ANONYMOUS = "shared-anonymous"
    SHM = "shm"
    MEMFD = "memfd"
    TMPFS = "tmpfs"
    PRIVATE_FILE = "private-file"
    SHARED_FILE = "shared-file"
    PAGE_TABLE = "page-table"
    FD = "fd"
    KERNEL = "kernel"
    PROCESS = "process"
    ADDRESS_SPACE = "address-space"
