"""One growth is one finding: which of the accounts that rose only shows what another one explains."""

from __future__ import annotations

from collections.abc import Sequence

from memlab.diagnose.account import Account
from memlab.diagnose.descriptors import gained_at, gained_in_memory, gained_mapped
from memlab.diagnose.mapped_files import most_mapped
from memlab.model.memory import Pattern
from memlab.model.recording import Recording

# an entry of a page table has 8 bytes on every 64-bit processor that Linux knows
_ENTRY_BYTES = 8


def explained(recording: Recording, one: Account, leaking: Sequence[Account]) -> bool:
    """Whether the growth of an account belongs to another one that leaks."""
    others = [other for other in leaking if other is not one]
    patterns = {pattern for other in others for pattern in other.candidates}
    if one.pattern is Pattern.PAGE_TABLE:
        # a stack is touched at its top and takes a table with it
        return Pattern.THREAD_STACK in patterns
    if one.pattern is Pattern.ADDRESS_SPACE:
        return any(_holds_address_space(recording, one, other) for other in others)
    if one.pattern is Pattern.TMPFS:
        # who maps a file of /dev/shm and keeps its descriptor holds the same pages by both
        return Pattern.SHM in patterns and 2 * gained_mapped(recording) >= one.series.growth
    if one.pattern is Pattern.FD:
        return 2 * _told_in_bytes(recording, patterns) >= one.series.growth
    if one.pattern is Pattern.MEMFD:
        # where no mappings were read, a mapped one cannot be told from one that is only held
        return any(Pattern.MEMFD in other.candidates and other.pattern is None for other in others)
    return False


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
