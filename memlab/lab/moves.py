"""Which programs of the bank move a given account, and how much a unit of each is on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from memlab.diagnose.account import MMAP_THRESHOLD, Account
from memlab.diagnose.children import are_zombies
from memlab.diagnose.descriptors import kinds_gained, tmpfs_files
from memlab.diagnose.mapped_files import copied
from memlab.errors import MemlabError
from memlab.lab.registry import Leaker, leakers
from memlab.model.memory import Basis, Pattern, RegionKind
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.units import KIB, MIB, PAGE_BYTES

PAGE_CACHE = "page-cache"
_KINDS: dict[str, tuple[RegionKind, ...]] = {
    Pattern.HEAP: (RegionKind.HEAP,),
    Pattern.ARENA: (RegionKind.ARENA,),
    Pattern.ANONYMOUS: (RegionKind.PLAIN_ANONYMOUS,),
    Pattern.MAIN_STACK: (RegionKind.MAIN_STACK,),
    Pattern.THREAD_STACK: (RegionKind.THREAD_STACK,),
    Pattern.SHARED_ANONYMOUS: (RegionKind.SHARED_ANONYMOUS,),
    Pattern.SHM: (RegionKind.SYSV_SHM, RegionKind.POSIX_SHM),
    Pattern.MEMFD: (RegionKind.MEMFD,),
}
# of these each unit is a mapping of its own, so that they can be counted
_COUNTABLE = (Pattern.THREAD_STACK, Pattern.SHM, Pattern.MEMFD)
# what one reader may fetch at once without being asked: 128 KiB of read-ahead (mm/readahead.c) for
# each of 32 files
_CACHE_GRAIN = 4 * MIB
# look-alikes: by what law they grow, and on which account they show
_LOOKALIKES = (
    ("warm-up", "filled", Pattern.HEAP),
    ("warm-up", "filled", Pattern.ANONYMOUS),
    ("madv-free", "filled", Pattern.ANONYMOUS),
    ("huge-pages", "filled", Pattern.ANONYMOUS),
    ("thread-pool", "filled", Pattern.THREAD_STACK),
    ("burst", "burst", Pattern.ANONYMOUS),
    ("sawtooth", "teeth", Pattern.ANONYMOUS),
    ("rotation", "rotation", Pattern.TMPFS),
)
# what the heap shows, these show as private anonymous mappings: another account, the same chart of RSS
_ELSEWHERE: dict[str, tuple[str, ...]] = {
    Pattern.HEAP: ("burst", "sawtooth"),
    Pattern.ARENA: ("burst", "sawtooth"),
}
_SAME = {("warm-up", Pattern.HEAP): ("bounded-cache", "retention")}
# who opens descriptors of which kind
_OPENERS = {
    "pipe": "fd-pipes",
    "socket": "fd-sockets",
    "file": "fd-files",
    "eventpoll": "fd-events",
    "timerfd": "fd-events",
    "eventfd": "fd-events",
}
# malloc maps what is larger itself; and what the programs take, both included
_BELOW_MAPPINGS = MMAP_THRESHOLD - PAGE_BYTES
BOUNDS = {
    "heap": (KIB, _BELOW_MAPPINGS),
    "arena": (KIB, _BELOW_MAPPINGS),
    "heap-fragments": (16 * KIB, _BELOW_MAPPINGS),
    "misblame": (KIB, 64 * KIB - PAGE_BYTES),
    "anonymous-malloc": (MMAP_THRESHOLD, 1 << 40),
    "anonymous-extension": (MMAP_THRESHOLD, 1 << 40),
    "main-stack": (KIB, 1020 * KIB),
    "kernel-messages": (KIB, 8 * KIB),
    "kernel-sockets": (KIB, 60 * KIB),
    "kernel-pipes": (KIB, 64 * KIB),
    "page-table": (2048 * KIB, 2048 * KIB),
    "thread-stack": (16 * KIB, 1 << 40),
    "thread-stack-running": (16 * KIB, 1 << 40),
    "huge-pages": (2048 * KIB, 2048 * KIB),
}


@dataclass(frozen=True)
class Seen:
    """An account that moved: `name` is its pattern, or "page-cache", which is the machine's."""

    name: str
    pattern: Pattern | None
    basis: Basis
    quantum: float
    series: Series
    where: str


def seen(account: Account) -> Seen:
    """An account of the verdict."""
    pattern = plainest(account.candidates)
    return Seen(
        pattern,
        pattern,
        account.basis,
        account.quantum,
        account.series,
        account.where,
    )


def plainest(candidates: Sequence[Pattern]) -> Pattern:
    """Where no mappings were read several patterns fit: mappings show the curve of all of them."""
    plain = (Pattern.ANONYMOUS, Pattern.SHARED_ANONYMOUS)
    return next((one for one in plain if one in candidates), candidates[0])


def page_cache(recording: Recording) -> Seen:
    """What the machine keeps of files: Cached counts tmpfs and shared memory too, which are none."""

    def get(sample: Sample) -> float | None:
        machine = sample.meminfo
        if machine is None or machine.cached is None:
            return None
        return float(machine.cached - (machine.shmem or 0))

    series = recording.collect(PAGE_CACHE, get, source="meminfo Cached - Shmem")
    where = "the machine's page cache"
    return Seen(PAGE_CACHE, None, Basis.KERNEL, _CACHE_GRAIN, series, where)


@dataclass(frozen=True)
class Move:
    """One program that could move the account.

    `chunk` is its usual one, in bytes, and `known` what one unit is on the account where the
    recording shows it; a unit is `share` of a chunk and `extra` bytes on the account, or `extra`
    things where units are counted, or bytes where none of the chunk is on it (share 0). `shows` is
    the account on which the program itself is seen.
    """

    leaker: Leaker
    lang: str
    law: str
    shows: str
    chunk: int
    share: float = 1.0
    extra: int = 0
    known: float | None = None
    same: tuple[str, ...] = ()

    @property
    def unit(self) -> float:
        """What one unit of the usual chunk is on the account."""
        if self.leaker.is_counted or self.share == 0:
            return float(self.extra)
        touched = -(-int(self.chunk * self.share) // PAGE_BYTES) * PAGE_BYTES
        return float(touched + self.extra)

    @property
    def bounds(self) -> tuple[int, int]:
        """The smallest and the largest chunk with which it still does what it is to do."""
        if self.leaker.name == "warm-up":  # the same blocks, from [heap] or as mappings
            on_heap = self.shows is Pattern.HEAP
            return (KIB, _BELOW_MAPPINGS) if on_heap else (MMAP_THRESHOLD, 1 << 40)
        return BOUNDS.get(self.leaker.name, (PAGE_BYTES, 1 << 40))


def moves(recording: Recording, account: Seen) -> Iterator[Move]:
    """The leaker of the account's pattern first, then look-alikes."""
    lang = _language(recording)
    if account.name == PAGE_CACHE:
        leaker = leakers()["dirty-cache" if _is_dirty(recording, account) else "page-cache"]
        yield Move(leaker, "c", "filled", PAGE_CACHE, leaker.chunk_bytes)
        return
    names = [name for name, one in leakers().items() if one.pattern == account.pattern]
    if names:
        name = _variant(recording, account, names, lang)
        same = tuple(other for other in names if other != name and _alike(name, other))
        yield _leak(recording, account, leakers()[name], lang, same)
    for name, law, shows in _LOOKALIKES:
        if shows is not account.pattern and name not in _ELSEWHERE.get(account.name, ()):
            continue
        if name in ("madv-free", "huge-pages") and not _is_mostly(recording, account, name):
            continue
        leaker = leakers()[name]
        same = _SAME.get((name, shows), ())
        chunk = 2 * MMAP_THRESHOLD if (name, shows) == ("warm-up", Pattern.ANONYMOUS) else 0
        guard = PAGE_BYTES if name == "thread-pool" else 0
        yield Move(
            leaker,
            _spoken(leaker, lang),
            law,
            shows,
            chunk or leaker.chunk_bytes,
            1.0,
            guard,
            same=same,
        )


def _leak(
    recording: Recording, account: Seen, leaker: Leaker, lang: str, same: tuple[str, ...]
) -> Move:
    spoken, chunk = _spoken(leaker, lang), leaker.chunk_bytes
    if leaker.is_counted:
        each = [n for terms in leaker.moves.values() for n in terms if isinstance(n, int)]
        return Move(
            leaker, spoken, "leak", account.name, 0, extra=each[0] if each else 1, same=same
        )
    if account.pattern is Pattern.PAGE_TABLE:  # one table for each chunk
        table = PAGE_BYTES
        return Move(leaker, spoken, "leak", account.name, chunk, 0.0, table, float(table), same)
    if account.basis is Basis.VIRTUAL:
        extra = leaker.overhead_bytes
        return Move(
            leaker,
            spoken,
            "leak",
            account.name,
            chunk,
            1.0,
            extra,
            _counted_unit(recording, account),
            same,
        )
    # the reserve of an arena is address space of it from the first block on
    told = leaker.touch == "share" and account.pattern is not Pattern.ARENA
    share = _touched_share(recording, account) if told else 1.0
    mapped = _counted_unit(recording, account) or _common(_virtual(recording, account), chunk)
    known = None
    if mapped and share < 1:
        known = float(-(-int(mapped * share) // PAGE_BYTES) * PAGE_BYTES)
    elif mapped and (account.pattern in _COUNTABLE or _is_in_multiples(account.series, mapped)):
        known = mapped
    return Move(leaker, spoken, "leak", account.name, chunk, share, 0, known, same)


def _virtual(recording: Recording, account: Seen) -> Series | None:
    """The address space of the mappings of an account."""
    kinds = _KINDS.get(account.name)
    if kinds is None:
        return None

    def get(sample: Sample) -> float | None:
        if sample.regions is None:
            return None
        return float(sum(sample.regions.virtual_by_kind[kind] for kind in kinds))

    return recording.collect("virtual", get)


def _touched_share(recording: Recording, account: Seen) -> float:
    """How much of what is mapped is written: the slope of one over the other, to a hundredth."""
    virtual = _virtual(recording, account)
    if virtual is None or len(virtual) != len(account.series):
        return 1.0
    if np.ptp(virtual.values) < max(account.quantum, np.ptp(account.series.values) / 2):
        return 1.0  # the mappings were there before: what grows in them says nothing of a unit
    slope = float(np.polyfit(virtual.values, account.series.values, 1)[0])
    # between 97 % and all of it lie heads of blocks, guards and what malloc keeps ready
    return 1.0 if slope > 0.97 else max(0.01, round(slope, 2))


def _counted_unit(recording: Recording, account: Seen) -> float | None:
    """Address space of one mapping, where each unit is one."""
    if account.pattern not in _COUNTABLE:
        return None
    seen = [sample.regions for sample in recording if sample.regions is not None]
    virtual = _virtual(recording, account)
    if len(seen) < 2 or virtual is None:
        return None
    kinds = _KINDS[account.name]
    before, after = (
        sum(regions.count_by_kind[kind] for kind in kinds) for regions in (seen[0], seen[-1])
    )
    if after - before < 1 or virtual.growth <= 0:
        return None
    unit = virtual.growth / (after - before)
    return round(unit / PAGE_BYTES) * float(PAGE_BYTES)


def _common(series: Series | None, usual: int) -> float | None:
    """The size of which all changes are multiples, or the usual one where it is one of them too."""
    if series is None:
        return None
    pages = [round(abs(change) / PAGE_BYTES) for change in np.diff(series.values) if change]
    unit = math.gcd(*pages) * PAGE_BYTES if pages else 0
    if unit < 16 * PAGE_BYTES:
        return None
    return float(usual if unit % usual == 0 else unit)


def _is_in_multiples(series: Series, unit: float) -> bool:
    """Whether most changes are whole units; the interpreter's own pages come in between."""
    changes = np.diff(series.values)
    changes = changes[changes != 0]
    return bool(len(changes)) and 2 * int((changes % unit == 0).sum()) > len(changes)


def _variant(recording: Recording, account: Seen, names: list[str], lang: str) -> str:
    """Of the leakers of one pattern the one that does what the recording shows."""
    chosen = names[0]
    if account.pattern is Pattern.ANONYMOUS:
        unit = _common(_virtual(recording, account), leakers()[chosen].chunk_bytes)
        is_block = unit is not None and unit > PAGE_BYTES and (unit - PAGE_BYTES) % (64 * KIB) == 0
        if lang == "python":
            # pymalloc maps arenas and fills them pool by pool; what a program maps itself it fills
            whole = unit is not None and _is_in_multiples(account.series, unit)
            chosen = "anonymous" if whole else "anonymous-objects"
            chosen = "anonymous-extension" if is_block else chosen
        elif is_block:  # malloc's header pushes each block into one page more
            chosen = "anonymous-malloc"
    elif account.pattern is Pattern.THREAD_STACK:
        threads = recording.series("stat.num_threads")
        stacks = account.series.growth / (
            _counted_unit(recording, account) or account.series.growth or 1
        )
        chosen = "thread-stack-running" if threads.growth > stacks / 2 else chosen
    elif account.pattern is Pattern.SHM:
        posix = recording.series("kind.posix_shm").growth
        chosen = "shm-posix" if posix > account.series.growth / 2 else chosen
    elif account.pattern is Pattern.FD:
        chosen = _OPENERS.get(
            next(iter(kinds_gained(recording).most_common(1)), ("", 0))[0], chosen
        )
    elif account.pattern is Pattern.PROCESS:
        chosen = "process-zombies" if are_zombies(recording) else "process-children"
    elif account.pattern is Pattern.MEMFD:
        chosen = chosen if account.series.source.startswith("smaps") else "memfd-descriptor"
    elif account.pattern is Pattern.PRIVATE_FILE:
        own = copied(recording, account.pattern)
        chosen = "private-file-copied" if own > account.series.growth / 2 else chosen
    elif account.pattern is Pattern.TMPFS:
        files = [len(found) for sample in recording if (found := tmpfs_files(sample)) is not None]
        chosen = "tmpfs-deleted" if files and files[-1] > files[0] + 1 else chosen
    return chosen


def _alike(name: str, other: str) -> bool:
    """Whether two leakers of one pattern cannot be told apart from outside."""
    return {name, other} in (
        {"heap", "heap-fragments"},
        {"anonymous-objects", "anonymous-cycles"},
        {"anonymous-objects", "anonymous-cache"},
    )


def _is_mostly(recording: Recording, account: Seen, name: str) -> bool:
    """Whether what grew is free already (MADV_FREE), or in huge pages, for the greater part."""
    field = {"madv-free": "lazy_free", "huge-pages": "anon_huge_pages"}[name]
    try:
        grown = recording.series(f"smaps.{field}").growth
    except (MemlabError, KeyError, AttributeError):
        return False  # this kernel does not tell
    return grown > account.series.growth / 2 > 0


def _is_dirty(recording: Recording, account: Seen) -> bool:
    """Whether most of it was written and waits for the disk."""
    return recording.series("meminfo.dirty").growth > account.series.growth / 2


def _language(recording: Recording) -> str:
    """Python for a process whose program is an interpreter of it; what else there is, is C."""
    programs = [str(recording.header.target.get("comm", ""))]
    for sample in list(recording)[:1]:
        try:
            programs.append(PurePosixPath(sample.host.readlink(f"/proc/{sample.pid}/exe")).name)
        except MemlabError:
            pass  # it may not be read: the name it gives itself has to do
    return "python" if any(name.startswith("python") for name in programs) else "c"


def _spoken(leaker: Leaker, lang: str) -> str:
    return lang if lang in leaker.languages else leaker.languages[0]
