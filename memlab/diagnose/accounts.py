"""The accounts that a leak can grow in: one per pattern, each a series over a recording.

An account says in which basis it is measured and in what grain it moves on its own
(`quantum`), with the mechanics that make it so. The basis is
virtual size where mappings are what leaks, resident plus swapped elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memlab.diagnose.trend import equal_steps
from memlab.model.memory import Basis, Pattern, RegionKind
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.units import KIB, PAGE_BYTES

# malloc asks the kernel for its request plus M_TOP_PAD, 128 KiB (malloc/malloc.c, sysmalloc)
TOP_PAD = 128 * KIB
# mmap threshold of malloc: the smallest block that becomes a mapping of its own; smaller
# anonymous growth comes from something else that settles
MMAP_THRESHOLD = 128 * KIB


@dataclass(frozen=True)
class Account:
    """One pattern's account in one recording; `resident` is set where `series` is virtual.

    candidates: the patterns whose growth shows here, more than one where no mappings were read.
    """

    candidates: tuple[Pattern, ...]
    basis: Basis
    quantum: float
    series: Series
    where: str
    source: str
    resident: Series | None = None

    @property
    def pattern(self) -> Pattern | None:
        """The one that it is of, where that is known."""
        return self.candidates[0] if len(self.candidates) == 1 else None


# what lies in RssAnon and in RssShmem (mm/memory.c, mm_counter)
_IN_RSS_ANON = (
    Pattern.HEAP,
    Pattern.ARENA,
    Pattern.ANONYMOUS,
    Pattern.THREAD_STACK,
    Pattern.MAIN_STACK,
    Pattern.PRIVATE_FILE,
)
_IN_RSS_SHMEM = (Pattern.SHARED_ANONYMOUS, Pattern.SHM, Pattern.MEMFD, Pattern.TMPFS)
_BY_KIND = (
    # pattern, kinds, grain, what it is called
    (Pattern.HEAP, (RegionKind.HEAP,), TOP_PAD, "[heap]"),
    (Pattern.ARENA, (RegionKind.ARENA,), TOP_PAD, "malloc arenas of threads"),
    (
        Pattern.ANONYMOUS,
        (RegionKind.PLAIN_ANONYMOUS,),
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
        found.append(_stack_account(recording))
    else:
        found = _accounts_without_mappings(recording)
    found.append(_tmpfs_account(recording))
    return [account for account in found if len(account.series) >= 2]


def _sees_mappings(recording: Recording) -> bool:
    """Whether mappings were read; where they were denied from some instant on, for half of the time."""
    looks = [sample for sample in recording if sample.regions is not None]
    if not looks:
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
    series = recording.collect(
        pattern, _over_kinds("footprint_by_kind", kinds), source="smaps Rss + Swap"
    )
    basis = Basis.SWAP_BACKED if shared else Basis.RESIDENT
    return Account((pattern,), basis, grain, series, where, "smaps Rss + Swap")


def _stack_account(recording: Recording) -> Account:
    """Thread stacks with their guards: address space is what they take, pages hardly any."""
    series = recording.collect(
        "thread-stack",
        _over_kinds("virtual_by_kind", (RegionKind.THREAD_STACK,)),
        source="smaps Size",
    )
    resident = recording.collect(
        "thread-stack resident", _over_kinds("footprint_by_kind", (RegionKind.THREAD_STACK,))
    )
    # PTHREAD_STACK_MIN and a guard: no stack is smaller
    return Account(
        (Pattern.THREAD_STACK,),
        Basis.VIRTUAL,
        16 * KIB + PAGE_BYTES,
        series,
        "thread stacks",
        "smaps Size of stacks and guards",
        resident,
    )


def _tmpfs_account(recording: Recording) -> Account:
    series = recording.collect("tmpfs", _open_on_tmpfs, source="fd/, stat st_blocks")
    where = "tmpfs files it holds open"
    return Account(
        (Pattern.TMPFS,),
        Basis.SWAP_BACKED,
        PAGE_BYTES,
        series,
        where,
        "st_blocks of its descriptors",
    )


def _open_on_tmpfs(sample: Sample) -> float | None:
    """Bytes allocated to tmpfs files that the process holds open, each file once."""
    files = tmpfs_files(sample)
    return None if files is None else float(sum(files.values()))


def tmpfs_files(sample: Sample) -> dict[str, int] | None:
    """The open files on tmpfs and their allocated bytes; None where nothing was looked up."""
    if sample.fds is None or sample.mounts is None:
        return None
    devices = {mount.device for mount in sample.tmpfs_mounts}
    return {
        entry.target: entry.stat.allocated_bytes
        for entry in sample.fds
        if entry.stat is not None and entry.stat.device in devices
    }


def _accounts_without_mappings(recording: Recording) -> list[Account]:
    """What status and statm carry, for a process whose mappings may not be read."""
    anonymous = recording.collect("RssAnon", _anonymous_of_status, source="status RssAnon + VmSwap")
    shmem = recording.series("status.rss_shmem")
    found = [
        Account(
            _IN_RSS_ANON,
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
    if virtual.growth - resident.growth > virtual.growth / 2:
        found.append(_untouched_account(virtual, resident))
    return found


def _untouched_account(virtual: Series, resident: Series) -> Account:
    """Address space of which most is never touched: stacks by their size, or reservations.

    A stack size is set in round numbers (ulimit -s, pthread_attr_setstacksize) and a guard of a
    page comes with it: equal steps of a multiple of 64 KiB and one page are stacks.
    """
    step = equal_steps(virtual)
    stacks = (
        step is not None and step.bytes > PAGE_BYTES and (step.bytes - PAGE_BYTES) % (64 * KIB) == 0
    )
    return Account(
        (Pattern.THREAD_STACK if stacks else Pattern.ADDRESS_SPACE,),
        Basis.VIRTUAL,
        MMAP_THRESHOLD,
        virtual,
        "address space" + (" (thread stacks, by the size of its steps)" if stacks else ""),
        "statm size",
        resident,
    )


def _anonymous_of_status(sample: Sample) -> float | None:
    status = sample.status
    if status is None or status.rss_anon is None:
        return None
    return float(status.rss_anon + (status.vm_swap or 0))


def _over_kinds(attribute: str, kinds: tuple[RegionKind, ...]) -> Callable[[Sample], float | None]:
    def get(sample: Sample) -> float | None:
        if sample.regions is None:
            return None
        by_kind: dict[RegionKind, int] = getattr(sample.regions, attribute)
        return float(sum(by_kind[kind] for kind in kinds))

    return get
