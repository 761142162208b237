"""The accounts that a leak can grow in: one per pattern, each a series over a recording.

An account says in which basis it is measured and in what grain it moves on its own
(`quantum`), with the mechanics that make it so. The basis is
virtual size where mappings are what leaks, resident plus swapped elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from memlab.diagnose.account import IN_RSS_ANON, MMAP_THRESHOLD, TOP_PAD, Account, over_kinds
from memlab.diagnose.children import children_account
from memlab.diagnose.descriptors import descriptor_accounts
from memlab.diagnose.given import given_accounts
from memlab.diagnose.mapped_files import file_account
from memlab.diagnose.narrowed import narrowed
from memlab.diagnose.outside import outside_accounts
from memlab.diagnose.stacks import (
    SMALLEST,
    stack_account,
    stack_candidates,
    unguarded_footprint,
    unguarded_is_memory,
)
from memlab.model.classify import ARENA_BYTES
from memlab.model.memory import Basis, Pattern, RegionKind
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.series import Series

# what lies in RssShmem (mm/memory.c, mm_counter)
_IN_RSS_SHMEM = (Pattern.SHARED_ANONYMOUS, Pattern.SHM, Pattern.MEMFD, Pattern.TMPFS)
SMAPS_SOURCE = "smaps Rss + Swap"
_BY_KIND = (
    # pattern, kinds, grain, what it is called
    (Pattern.HEAP, (RegionKind.HEAP,), TOP_PAD, "[heap]"),
    (Pattern.ARENA, (RegionKind.ARENA,), TOP_PAD, "malloc arenas of threads"),
    (
        Pattern.ANONYMOUS,
        # the memory of a runtime that is known by its place is mapped like any other
        (RegionKind.PLAIN_ANONYMOUS, RegionKind.ALLOCATOR_ARENA),
        MMAP_THRESHOLD,
        "private anonymous mappings",
    ),
    (Pattern.MAIN_STACK, (RegionKind.MAIN_STACK,), TOP_PAD, "[stack]"),
    (
        Pattern.SHARED_ANONYMOUS,
        (RegionKind.SHARED_ANONYMOUS,),
        MMAP_THRESHOLD,
        "shared anonymous mappings",
    ),
    (
        Pattern.SHM,
        (RegionKind.SYSV_SHM, RegionKind.POSIX_SHM),
        MMAP_THRESHOLD,
        "shared memory segments",
    ),
    (Pattern.MEMFD, (RegionKind.MEMFD,), MMAP_THRESHOLD, "mapped memfds"),
)


def accounts(recording: Recording) -> list[Account]:
    """All accounts that this recording can carry."""
    if _sees_mappings(recording):
        found = [_kind_account(recording, *row) for row in _BY_KIND]
        found.append(stack_account(recording))
        found += [file_account(recording, p) for p in (Pattern.PRIVATE_FILE, Pattern.SHARED_FILE)]
        found += _reserved_account(recording)
    else:
        found = _accounts_without_mappings(recording)
    found += given_accounts(recording)
    found += descriptor_accounts(recording)
    found.append(children_account(recording))
    found += outside_accounts(recording)
    found += _table_account(recording)
    return [account for account in found if len(account.series) >= 2]


def kinds_of(pattern: Pattern | None) -> tuple[RegionKind, ...]:
    """The kinds of mappings that the account of a pattern sums up; none where it is no sum over mappings."""
    return next((kinds for known, kinds, *_ in _BY_KIND if known is pattern), ())


def _sees_mappings(recording: Recording) -> bool:
    """Whether mappings were read; where they were denied from some instant on, for half of the time."""
    looks = [sample for sample in recording if sample.regions is not None]
    if len(looks) < 2:
        return False
    refused = lost_after(recording)
    return refused is None or 2 * refused >= recording.seconds


def lost_after(recording: Recording) -> float | None:
    """Seconds from the start to the first refusal behind the last look at the mappings; None without one."""
    looks = [sample.index for sample in recording if sample.has_mappings]
    smaps = f"/proc/{recording.header.pid}/smaps"
    for sample in recording:
        if looks and sample.index > looks[-1] and smaps in sample.denied:
            return sample.monotonic - recording.samples[0].monotonic
    return None


def _kind_account(
    recording: Recording, pattern: Pattern, kinds: tuple[RegionKind, ...], grain: int, where: str
) -> Account:
    shared = pattern in (Pattern.SHARED_ANONYMOUS, Pattern.SHM, Pattern.MEMFD)
    get = over_kinds("footprint_by_kind", kinds)
    if pattern is Pattern.ANONYMOUS and unguarded_is_memory(recording):
        get = _with_unguarded(get)
    series = recording.collect(pattern, get, source=SMAPS_SOURCE)
    basis = Basis.SWAP_BACKED if shared else Basis.RESIDENT
    return Account((pattern,), basis, grain, series, where, SMAPS_SOURCE)


def _with_unguarded(get: Callable[[Sample], float | None]) -> Callable[[Sample], float | None]:
    """What asked for no huge pages looks like stacks without guards, and is memory like any other."""
    return lambda sample: (
        None if (plain := get(sample)) is None else plain + (unguarded_footprint(sample) or 0.0)
    )


def _reserved_account(recording: Recording) -> list[Account]:
    """Anonymous mappings of which most is never touched, those that may not even be read included.

    Address space is reserved in large pieces by all who reserve it before they use it: 64 MiB for a
    heap of malloc (HEAP_MAX_SIZE, malloc/arena.c) and for one of Go (runtime/malloc.go).
    """
    kinds = (RegionKind.PLAIN_ANONYMOUS, RegionKind.ALLOCATOR_ARENA, RegionKind.GUARD)
    size = recording.collect("reserved", over_kinds("virtual_by_kind", kinds), source="smaps Size")
    touched = recording.collect("touched", over_kinds("footprint_by_kind", kinds))
    if not _is_mostly_untouched(size, touched):
        return []
    candidates = stack_candidates(recording, size) if _marks_no_stack(recording) else ()
    return [
        Account(
            candidates or (Pattern.ADDRESS_SPACE,),
            Basis.VIRTUAL,
            ARENA_BYTES if Pattern.THREAD_STACK not in candidates else SMALLEST,
            size,
            "address space that is reserved and not touched",
            "smaps Size of anonymous mappings",
            touched,
        )
    ]


def _marks_no_stack(recording: Recording) -> bool:
    """Whether stacks may lie here that nothing tells: older kernels mark none, and these have no guard."""
    looked = [sample.regions for sample in recording if sample.regions is not None]
    return not any("nh" in flags for regions in looked[-1:] for flags in regions.smaps.vm_flags)


def _is_mostly_untouched(virtual: Series, resident: Series) -> bool:
    return virtual.growth - resident.growth > virtual.growth / 2


def _table_account(recording: Recording) -> list[Account]:
    """Page tables, where they are the larger part of what grew.

    A table serves 512 pages (8 bytes each): of memory that is touched page by page it is the 512th
    part. It is more only where few pages of each table are there, or where they are the zero page:
    read, never written, and in no Rss.
    """
    tables = recording.collect("page-table", _tables, source="status VmPTE")
    memory = recording.collect("memory", _memory)
    if len(memory) < 2:
        memory = recording.collect("memory", _memory_of_status)
    if tables.growth <= memory.growth:
        return []
    # what is touched far from all else takes one of each level: a PTE, a PMD and a PUD table
    # (mm/memory.c, __pte_alloc, __pmd_alloc, __pud_alloc)
    grain = 3 * recording.header.page_bytes
    where, source = "page tables", "status VmPTE"
    return [Account((Pattern.PAGE_TABLE,), Basis.KERNEL, grain, tables, where, source)]


def _tables(sample: Sample) -> float | None:
    """VmPTE; before Linux 4.15 the level above stood in a line of its own."""
    status = sample.status
    if status is None or status.vm_pte is None:
        return None
    return float(status.vm_pte + (status.vm_pmd or 0))


def _memory(sample: Sample) -> float | None:
    return None if sample.regions is None else float(sample.regions.footprint.sum())


def _memory_of_status(sample: Sample) -> float | None:
    status = sample.status
    return None if status is None else float((status.vm_rss or 0) + (status.vm_swap or 0))


def _accounts_without_mappings(recording: Recording) -> list[Account]:
    """What status and statm carry, for a process whose mappings may not be read."""
    anonymous = recording.collect("RssAnon", _anonymous_of_status, source="status RssAnon + VmSwap")
    shmem = recording.series("status.rss_shmem")
    found = [
        Account(
            IN_RSS_ANON,
            Basis.RESIDENT,
            MMAP_THRESHOLD,
            anonymous,
            "private anonymous memory (which part of it: that is in smaps, which was not read)",
            "status RssAnon + VmSwap",
        ),
        Account(
            _IN_RSS_SHMEM,
            Basis.SWAP_BACKED,
            MMAP_THRESHOLD,
            shmem,
            "shared anonymous memory (which kind: that is in smaps, which was not read)",
            "status RssShmem",
        ),
    ]
    virtual, resident = recording.series("statm.size"), recording.series("statm.resident")
    if len(virtual) < 2:  # a log of pidstat or top
        virtual, resident = recording.series("stat.vsize"), recording.series("stat.rss")
    if _is_mostly_untouched(virtual, resident):
        found.append(narrowed(recording, _untouched_account(recording, virtual, resident)))
    return found


def _untouched_account(recording: Recording, virtual: Series, resident: Series) -> Account:
    """Address space of which most is never touched: stacks by their size, or reservations."""
    candidates = stack_candidates(recording, virtual)
    stacks = candidates == (Pattern.THREAD_STACK,)
    where = "address space" + (" (thread stacks, by the size of its steps)" if stacks else "")
    if candidates == (Pattern.ADDRESS_SPACE,) and len(resident) < 2:  # of maps, and pmap without -x
        candidates = (Pattern.ADDRESS_SPACE, Pattern.HEAP, Pattern.ARENA, Pattern.ANONYMOUS)
        where = "address space (touched or not: that is in smaps)"
    return Account(
        candidates,
        Basis.VIRTUAL,
        MMAP_THRESHOLD,
        virtual,
        where,
        virtual.source if virtual.source != virtual.name else "statm size",
        resident,
    )


def _anonymous_of_status(sample: Sample) -> float | None:
    status = sample.status
    if status is None or status.rss_anon is None:
        return None
    return float(status.rss_anon + (status.vm_swap or 0))
