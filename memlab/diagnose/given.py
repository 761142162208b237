"""Accounts of series that came without the kernel's text: what pidstat, top and strace carry.

They are sums over the process, so that a finding names candidates; only the size of equal steps may tell
a thread stack.
"""

from __future__ import annotations

from collections.abc import Iterator

from memlab.diagnose.account import MMAP_THRESHOLD, Account
from memlab.model.memory import Basis, Pattern
from memlab.model.recording import Recording
from memlab.units import KIB, MIB, PAGE_BYTES

# RSS of stat and top is summed late, over batches of each CPU (lib/percpu_counter.c, mm/memory.c)
RSS_GRAIN = MIB
# vm.max_map_count where nobody changed it (include/linux/mm.h, DEFAULT_MAX_MAP_COUNT)
DEFAULT_MAX_MAP_COUNT = 65_530
_RESIDENT = (
    Pattern.HEAP, Pattern.ARENA, Pattern.ANONYMOUS, Pattern.MAIN_STACK, Pattern.SHARED_ANONYMOUS, Pattern.SHM,
    Pattern.MEMFD, Pattern.TMPFS, Pattern.PRIVATE_FILE, Pattern.SHARED_FILE,
)  # fmt: skip


def given_accounts(recording: Recording) -> Iterator[Account]:
    """Of what was given and is no address space (that is in `accounts`)."""
    resident = recording.given.get("stat.rss")
    if resident is not None:
        where = "resident memory (which part of it: that is in smaps)"
        yield Account(_RESIDENT, Basis.RESIDENT, RSS_GRAIN, resident, where, resident.source)
    stacks = recording.given.get("strace.stacks")
    if stacks is not None:
        least = 16 * KIB + PAGE_BYTES  # PTHREAD_STACK_MIN and a guard
        yield Account(
            (Pattern.THREAD_STACK,), Basis.VIRTUAL, least, stacks, "thread stacks", stacks.source
        )
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


def assumed_rooms(
    recording: Recording, account: Account, step_bytes: float
) -> Iterator[tuple[str, float]]:
    """The room below a limit that nobody told us, by its default: (name, bytes of the account).

    A stack and its guard are two mappings. How many there are already is not known either: at most as
    many as fill the address space.
    """
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
