"""Which part of a sum grew: a log has the sum and its times, two copies of smaps show where it is.

Between the first copy and the last one the same process grew, in mappings that have a kind. Where one pattern has
the larger part of that growth, the sum's growth is its; else all that grew by more than an account moves on its own
stay candidates. How far apart the copies are does not matter for that.
"""

from __future__ import annotations

from dataclasses import replace

from memlab.diagnose.account import MMAP_THRESHOLD, Account
from memlab.model.classify import Regions
from memlab.model.memory import Basis, Pattern, RegionKind
from memlab.model.recording import Recording
from memlab.units import format_bytes

_PATTERNS = {
    RegionKind.HEAP: Pattern.HEAP,
    RegionKind.ARENA: Pattern.ARENA,
    RegionKind.PLAIN_ANONYMOUS: Pattern.ANONYMOUS,
    RegionKind.ALLOCATOR_ARENA: Pattern.ANONYMOUS,
    RegionKind.THREAD_STACK: Pattern.THREAD_STACK,
    RegionKind.MAIN_STACK: Pattern.MAIN_STACK,
    RegionKind.SHARED_ANONYMOUS: Pattern.SHARED_ANONYMOUS,
    RegionKind.SYSV_SHM: Pattern.SHM,
    RegionKind.POSIX_SHM: Pattern.SHM,
    RegionKind.MEMFD: Pattern.MEMFD,
    RegionKind.TMPFS_FILE: Pattern.TMPFS,
}
_NAMES = {
    Pattern.HEAP: "[heap]",
    Pattern.ARENA: "malloc arenas of threads",
    Pattern.ANONYMOUS: "private anonymous mappings",
    Pattern.THREAD_STACK: "thread stacks",
    Pattern.MAIN_STACK: "[stack]",
    Pattern.SHARED_ANONYMOUS: "shared anonymous mappings",
    Pattern.SHM: "shared memory segments",
    Pattern.MEMFD: "mapped memfds",
    Pattern.TMPFS: "files on tmpfs",
}
GRAINS = 3  # of growth are needed to see it, as in judge.py


def copied(recording: Recording) -> list[Regions]:
    """All looks at the mappings, in their order; those of which nobody knows when they were taken come first."""
    looked = [*recording.copies, *recording.samples]
    return [sample.regions for sample in looked if sample.regions is not None]


def narrowed(recording: Recording, account: Account) -> Account:
    """The account of a sum with the candidates that the copies leave; as it is where they tell nothing."""
    looks = copied(recording) if recording.copies else []
    if len(looks) < 2 or account.pattern is not None:
        return account
    grown = _grown(looks[0], looks[-1], account.basis)
    seen = {pattern: size for pattern, size in grown.items() if size >= GRAINS * MMAP_THRESHOLD}
    if not seen:
        return account
    first = max(seen, key=lambda pattern: seen[pattern])
    if 2 * seen[first] > sum(size for size in grown.values() if size > 0):
        more = format_bytes(seen[first])
        where = f"{_NAMES[first]} (between the copies of smaps these grew by {more})"
        return replace(account, candidates=(first,), where=where)
    kept = tuple(pattern for pattern in account.candidates if pattern in seen)
    return replace(account, candidates=kept or account.candidates)


def _grown(before: Regions, after: Regions, basis: Basis) -> dict[Pattern, int]:
    attribute = "virtual_by_kind" if basis is Basis.VIRTUAL else "footprint_by_kind"
    first, last = getattr(before, attribute), getattr(after, attribute)
    grown: dict[Pattern, int] = {}
    for kind, pattern in _PATTERNS.items():
        grown[pattern] = grown.get(pattern, 0) + last[kind] - first[kind]
    return grown
