"""One growth is one finding: which of the accounts that rose only shows what another one explains."""

from __future__ import annotations

from collections.abc import Sequence

from memlab.diagnose.account import Account
from memlab.diagnose.descriptors import gained_at, gained_in_memory, gained_mapped
from memlab.diagnose.mapped_files import most_mapped
from memlab.diagnose.outside import (
    BPF_MAPS,
    FILES,
    GROUP_KERNEL,
    GROUP_SHMEM,
    INODE_BYTES,
    INODES,
    MOUNT,
    NAMES,
    OBJECT_BYTES,
    QUEUES,
    SOURCES,
)
from memlab.model.memory import Pattern
from memlab.model.recording import Recording
from memlab.units import KIB, PAGE_BYTES

# What an open file has in its process: a buffer of st_blksize, 4 KiB (glibc, libio/filedoalloc.c), or of 8 KiB (Python,
# Modules/_io, DEFAULT_BUFFER_SIZE; Java's buffered streams), beside it objects of less than that.
_BEHIND_A_DESCRIPTOR = 16 * KIB
_OF_OBJECTS = (Pattern.HEAP, Pattern.ARENA, Pattern.ANONYMOUS)
# an entry of a page table has 8 bytes on every 64-bit processor that Linux knows
_ENTRY_BYTES = 8


def explained(recording: Recording, one: Account, leaking: Sequence[Account]) -> bool:
    """Whether the growth of an account belongs to another one that leaks."""
    others = [other for other in leaking if other is not one]
    patterns = {pattern for other in others for pattern in other.candidates}
    if one.source in SOURCES:
        return _explained_outside(one, others)
    if one.pattern is Pattern.PAGE_TABLE:
        # a stack is touched at its top and takes a table with it
        return Pattern.THREAD_STACK in patterns
    if one.pattern is Pattern.ADDRESS_SPACE:
        return any(_holds_address_space(recording, one, other) for other in others)
    if one.pattern is Pattern.TMPFS:
        # who maps a file of /dev/shm and keeps its descriptor holds the same pages by both
        return Pattern.SHM in patterns and 2 * gained_mapped(recording) >= one.series.growth
    if one.pattern is Pattern.FD:
        behind = [o for o in others if o.source in (GROUP_KERNEL, BPF_MAPS)]
        if any(o.series.growth > OBJECT_BYTES * one.series.growth for o in behind):
            return True  # what is buffered behind them is more than they are
        return 2 * _told_in_bytes(recording, patterns) >= one.series.growth
    if one.pattern is Pattern.MEMFD:
        # where no mappings were read, a mapped one cannot be told from one that is only held
        return any(
            Pattern.MEMFD in other.candidates
            and other.pattern is None
            and other.source not in SOURCES
            for other in others
        )
    return False


def carried(one: Account, leaking: Sequence[Account]) -> bool:
    """Whether this is the memory that descriptors have which leak: closing these gives back both."""
    if one.pattern not in _OF_OBJECTS:
        return False
    opened = sum(other.series.growth for other in leaking if other.pattern is Pattern.FD)
    memory = sum(other.series.growth for other in leaking if other.pattern in _OF_OBJECTS)
    return 0 < memory <= _BEHIND_A_DESCRIPTOR * opened


def _told_in_bytes(recording: Recording, patterns: set[Pattern]) -> int:
    """How many descriptors more lead to files whose memory leaks: who keeps both loses both by one."""
    told = 0
    if patterns & {Pattern.MEMFD, Pattern.TMPFS, Pattern.SHM}:
        told += gained_in_memory(recording)
    for pattern in patterns & {Pattern.PRIVATE_FILE, Pattern.SHARED_FILE}:
        told += gained_at(recording, {name for name, _, _ in most_mapped(recording, pattern)})
    return told


def _holds_address_space(recording: Recording, reserved: Account, other: Account) -> bool:
    if other.pattern is Pattern.PAGE_TABLE:
        # what has page tables was touched: a table serves as many pages as it has entries
        served = other.series.growth * (recording.header.page_bytes // _ENTRY_BYTES)
        return served >= reserved.series.growth / 2
    if Pattern.ANONYMOUS in other.candidates:
        # the untouched part of the mappings that leak; what may not even be read is another matter
        guards = recording.series("kind_virtual.guard").growth
        return guards <= recording.series("kind_virtual.plain_anonymous").growth
    return False


# what is mapped or open is nearer than all of these
_FROM_NEAR_TO_FAR = (FILES, MOUNT, GROUP_SHMEM)
_SHMEM = {Pattern.SHARED_ANONYMOUS, Pattern.SHM, Pattern.MEMFD, Pattern.TMPFS}


def _explained_outside(one: Account, others: Sequence[Account]) -> bool:
    """Of two accounts of the same bytes the nearer one is told: the files, then their mount, then the group."""
    if one.source in _FROM_NEAR_TO_FAR:
        farther = _FROM_NEAR_TO_FAR[_FROM_NEAR_TO_FAR.index(one.source) :]
        nearer = [o for o in others if _SHMEM & set(o.candidates) and o.source not in farther]
        return 2 * sum(o.series.growth for o in nearer) >= one.series.growth
    if one.source == INODES and any(o.source == NAMES for o in others):
        return True
    if one.source in (INODES, NAMES):
        # files that hold something are told by what they hold
        return any(
            _SHMEM & set(o.candidates) and o.series.growth >= PAGE_BYTES * one.series.growth
            for o in others
        )
    if one.source == GROUP_KERNEL:
        return any(_serves(one, other) for other in others)
    return False


def _serves(kernel: Account, other: Account) -> bool:
    """Whether the kernel's memory is that of what leaks elsewhere: its objects, stacks, trees and tables."""
    if other.source in (QUEUES, BPF_MAPS) or other.pattern is Pattern.PROCESS:
        return True
    if other.source in (INODES, NAMES):
        return kernel.series.growth <= INODE_BYTES * other.series.growth
    return other.unit == "bytes" and 2 * kernel.series.growth <= other.series.growth
