"""Accounts of series that came without the kernel's text: what pidstat, top and strace carry.

They are sums over the process, so that a finding names candidates; only the size of equal steps may tell
a thread stack.
"""

from __future__ import annotations

from collections.abc import Iterator

from memlab.diagnose.account import MMAP_THRESHOLD, TOP_PAD, Account
from memlab.diagnose.narrowed import narrowed
from memlab.model.memory import Basis, Pattern
from memlab.model.recording import Recording
from memlab.units import KIB, MIB, PAGE_BYTES

# RSS of stat and top is summed late, over batches of each CPU (lib/percpu_counter.c, mm/memory.c)
RSS_GRAIN = MIB
# vm.max_map_count where nobody changed it (include/linux/mm.h, DEFAULT_MAX_MAP_COUNT)
DEFAULT_MAX_MAP_COUNT = 65_530
# fewer mappings than this may come of anything
FEWEST = 3
_RESIDENT = (
    Pattern.HEAP, Pattern.ARENA, Pattern.ANONYMOUS, Pattern.MAIN_STACK, Pattern.SHARED_ANONYMOUS, Pattern.SHM,
    Pattern.MEMFD, Pattern.TMPFS, Pattern.PRIVATE_FILE, Pattern.SHARED_FILE,
)  # fmt: skip
_TRACED = (
    ("shared", Pattern.SHARED_ANONYMOUS, "shared anonymous mappings"),
    ("private_file", Pattern.PRIVATE_FILE, "private mappings of files"),
    ("shared_file", Pattern.SHARED_FILE, "shared mappings of files"),
)


def given_accounts(recording: Recording) -> Iterator[Account]:
    """Of what was given and is no address space (that is in `accounts`)."""
    resident = recording.given.get("stat.rss")
    if resident is not None:
        where = "resident memory (which part of it: that is in smaps)"
        account = Account(_RESIDENT, Basis.RESIDENT, RSS_GRAIN, resident, where, resident.source)
        yield narrowed(recording, account)
    stacks = recording.given.get("strace.stacks")
    if stacks is not None:
        least = 16 * KIB + PAGE_BYTES  # PTHREAD_STACK_MIN and a guard
        yield Account(
            (Pattern.THREAD_STACK,), Basis.VIRTUAL, least, stacks, "thread stacks", stacks.source
        )
    heap = recording.given.get("strace.heap")
    if heap is not None:
        where = "[heap] (touched or not: that is in smaps)"
        yield Account((Pattern.HEAP,), Basis.VIRTUAL, TOP_PAD, heap, where, heap.source)
    mapped = recording.given.get("strace.anonymous")
    if mapped is not None:
        yield Account(
            (Pattern.ANONYMOUS, Pattern.ARENA, Pattern.ADDRESS_SPACE),
            Basis.VIRTUAL,
            MMAP_THRESHOLD,
            mapped,
            "anonymous mappings that were not unmapped (touched or not: that is in smaps)",
            mapped.source,
        )
    for name, pattern, where in _TRACED:
        if (kept := recording.given.get(f"strace.{name}")) is not None:
            said = f"{where} that were not unmapped (touched or not: that is in smaps)"
            yield Account((pattern,), Basis.VIRTUAL, MMAP_THRESHOLD, kept, said, kept.source)


def assumed_rooms(
    recording: Recording, account: Account, step_bytes: float
) -> Iterator[tuple[str, float]]:
    """The room below a limit that nobody told us, by its default: (name, bytes of the account).

    A stack and its guard are two mappings. How many there are already is not known either: at most as
    many as fill the address space.
    """
    yield from _traced_rooms(recording, account)
    size = recording.series("stat.vsize")
    if recording.samples and recording.header.host.get("limits"):
        return
    if account.pattern is not Pattern.THREAD_STACK or not len(size) or not step_bytes:
        return
    there = float(size.values[-1]) / step_bytes
    left = max(0.0, DEFAULT_MAX_MAP_COUNT / 2 - there)
    yield (
        (
            f"vm.max_map_count (if it has its default of {DEFAULT_MAX_MAP_COUNT:,}, and all its address space is"
            f" such stacks: {there:,.0f} of them)"
        ),
        left * step_bytes,
    )


def _traced_rooms(recording: Recording, account: Account) -> Iterator[tuple[str, float]]:
    """Of a log of strace: each mapping that was made and is still there counts (mm/mmap.c, map_count)."""
    mappings = recording.given.get("strace.mappings")
    own = recording.given.get(f"{account.series.name}.mappings")
    if (
        recording.header.host.get("limits")
        or mappings is None
        or own is None
        or own.growth < FEWEST
    ):
        return
    there = float(mappings.values[-1])
    yield (
        f"vm.max_map_count (if it has its default of {DEFAULT_MAX_MAP_COUNT:,}; {there:,.0f} mappings were made in the"
        " log, and those before it are not known)",
        max(0.0, DEFAULT_MAX_MAP_COUNT - there) * account.series.growth / own.growth,
    )
