"""A finding in words: where exactly, on which evidence, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from memlab.diagnose.account import Account
from memlab.diagnose.advice import for_python, python_evidence, trace
from memlab.diagnose.children import are_zombies, children_evidence
from memlab.diagnose.descriptors import (
    descriptor_evidence,
    descriptors_next,
    descriptors_where,
    memory_evidence,
    tmpfs_files,
)
from memlab.diagnose.floors import in_words
from memlab.diagnose.forecast import forecast
from memlab.diagnose.lasting import in_window
from memlab.diagnose.mapped_files import file_evidence, most_mapped
from memlab.diagnose.narrowed import copied
from memlab.diagnose.outside import SOURCES, outside_evidence, outside_next
from memlab.diagnose.stacks import stack_evidence
from memlab.diagnose.trend import Trend
from memlab.model.deltas import Grown, grown
from memlab.model.diagnosis import Forecast
from memlab.model.memory import Pattern, RegionKind
from memlab.model.recording import Recording
from memlab.units import KIB, format_amount, format_bytes, format_seconds

# what to type about a process, {pid} left to be filled in
NEXT = {
    Pattern.HEAP: "heaptrack -p {pid}",
    Pattern.ARENA: "heaptrack -p {pid}",
    Pattern.ANONYMOUS: trace("mmap,munmap,mremap"),
    Pattern.MAIN_STACK: "gdb -p {pid} -batch -ex bt",
    Pattern.THREAD_STACK: trace("clone,clone3,mmap,munmap"),
    Pattern.SHARED_ANONYMOUS: trace("mmap,munmap"),
    Pattern.SHM: "ipcs -m -p; ls -l /dev/shm",
    Pattern.MEMFD: trace("memfd_create,mmap,munmap,close"),
    Pattern.TMPFS: "ls -l /proc/{pid}/fd; " + trace("openat,write,close,unlink"),
    Pattern.PRIVATE_FILE: trace("openat,mmap,munmap,close"),
    Pattern.SHARED_FILE: trace("openat,mmap,munmap,close"),
    # the first touch of a page, not the mapping of it, makes a table
    Pattern.PAGE_TABLE: "perf record -e page-faults -g -p {pid} -- sleep 10; perf report",
    Pattern.PROCESS: "ps --ppid {pid} -o pid,stat,etime,args; "
    + trace("?fork,?vfork,clone,?clone3,wait4,waitid"),
    Pattern.ADDRESS_SPACE: trace("mmap,munmap"),
}
_KINDS = {
    Pattern.HEAP: (RegionKind.HEAP,),
    Pattern.ARENA: (RegionKind.ARENA,),
    Pattern.ANONYMOUS: (RegionKind.PLAIN_ANONYMOUS, RegionKind.ALLOCATOR_ARENA),
    Pattern.MAIN_STACK: (RegionKind.MAIN_STACK,),
    Pattern.THREAD_STACK: (RegionKind.THREAD_STACK,),
    Pattern.SHARED_ANONYMOUS: (RegionKind.SHARED_ANONYMOUS,),
    Pattern.SHM: (RegionKind.SYSV_SHM, RegionKind.POSIX_SHM),
    Pattern.MEMFD: (RegionKind.MEMFD,),
    Pattern.ADDRESS_SPACE: (RegionKind.PLAIN_ANONYMOUS, RegionKind.GUARD),
}


@dataclass(frozen=True)
class Words:
    """The parts of a finding that are for people."""

    where: str
    evidence: tuple[str, ...]
    forecast: Forecast | None
    next: str


def describe(recording: Recording, account: Account, found: Trend) -> Words:
    """Put a rising account into words."""
    changes = (
        []
        if _is_held(account) or account.source in SOURCES
        else _grown_mappings(recording, account.pattern)
    )
    evidence = [*_how_it_grew(recording, account, found)]
    evidence += _of_its_kind(recording, account, found)
    evidence += [f"mapping: {change.line}" for change in changes[:3]]
    evidence += _types(recording, account)
    if for_python(recording, account.pattern):
        evidence.append(python_evidence(recording))
    return Words(
        _where(recording, account, changes),
        tuple(evidence),
        forecast(recording, account, found),
        _next(recording, account),
    )


def _of_its_kind(recording: Recording, account: Account, found: Trend) -> Iterator[str]:
    """What only an account of this pattern can say."""
    if account.source in SOURCES:
        yield from outside_evidence(recording, account)
    elif account.pattern is Pattern.THREAD_STACK:
        yield from stack_evidence(recording, account, found)
    elif _is_held(account):
        yield from memory_evidence(recording, account.pattern)
    elif account.pattern is Pattern.FD:
        yield from descriptor_evidence(recording)
    elif account.pattern is Pattern.PROCESS:
        yield from children_evidence(recording)
    elif account.pattern in (Pattern.PRIVATE_FILE, Pattern.SHARED_FILE):
        yield from file_evidence(recording, account)
    elif account.pattern is Pattern.PAGE_TABLE:
        yield from _tables(recording)


def _is_held(account: Account) -> bool:
    """Memory that only descriptors lead to: no mapping shows it."""
    return account.source.startswith("st_blocks")


def _look_at_it(recording: Recording) -> str:
    """Which part grew is for a closer look; a pasted text is often of a machine without memlab."""
    pid = recording.header.pid or "PID"
    if recording.header.asked.get("pasted"):
        twice = f"cat /proc/{pid}/smaps twice, some minutes apart, and hand it in with this"
        return f"on its machine: memlab-capture {pid}, or {twice}"
    return f"memlab diagnose {pid}"


def _next(recording: Recording, account: Account) -> str:
    """What was denied comes first: whoever may not read smaps may attach no tool either."""
    pid, pattern = recording.header.pid or "PID", account.pattern
    denied = any(f"/proc/{pid}/smaps" in sample.denied for sample in recording)
    if account.source in SOURCES:
        command = outside_next(recording, account)
    elif pattern is None:
        command = _look_at_it(recording)
    else:
        known = descriptors_next(recording) if pattern is Pattern.FD else NEXT[pattern]
        known = for_python(recording, pattern) or known
        command = known.format(pid=pid)
    if (
        pattern is None
    ):  # where smaps was left out to spare the process, it says what would allow it
        allowing = [said.rpartition(" with ")[2] for s in recording for said in s.left_out]
        command = " ".join([command, *allowing[-1:]])
    return f"sudo {command}" if denied else command


def _how_it_grew(recording: Recording, account: Account, found: Trend) -> Iterator[str]:
    first, last = (format_amount(account.series.values[n], account.unit) for n in (0, -1))
    moved = f"{first} to {last}"
    if last == first:  # of hundreds of GiB the rise is in no digit that is shown
        moved = f"{first}, and {format_amount(account.series.growth, account.unit)} more"
    rising = found.told or in_words(found.levels)
    yield (
        f"{account.where}: {moved} {_in_series(recording, account)} ({account.source}), {rising}"
    )
    if found.step is not None:
        equal = f"it grows in equal steps of {found.step.bytes // KIB:,} kB"
        every = f", one every {format_seconds(found.step.period_seconds)}"
        yield equal + (every if recording.is_timed else "")


def _in_series(recording: Recording, account: Account) -> str:
    if recording.is_timed:
        return f"in {format_seconds(account.series.seconds)}"
    return in_window(recording)


def _grown_mappings(recording: Recording, pattern: Pattern | None) -> list[Grown]:
    seen = copied(recording)
    if len(seen) < 2 or pattern not in _KINDS:
        return []
    changes = [change for change in grown(seen[0], seen[-1]) if change.kind in _KINDS[pattern]]
    if pattern is Pattern.ADDRESS_SPACE:
        return sorted(changes, key=lambda change: -change.size_growth)
    return [change for change in changes if not change.perms.startswith("---")]


def _where(recording: Recording, account: Account, changes: list[Grown]) -> str:
    if account.source in SOURCES:
        return account.where
    if account.pattern is Pattern.TMPFS:
        files = _growing_files(recording)
        return ", ".join(files[:3]) or account.where
    if account.pattern is Pattern.FD:
        return descriptors_where(recording, account)
    if account.pattern is Pattern.PROCESS:
        return "zombies" if are_zombies(recording) else "children that live"
    if account.pattern in (Pattern.PRIVATE_FILE, Pattern.SHARED_FILE):
        files = [name for name, _, _ in most_mapped(recording, account.pattern)]
        kind = account.where.removesuffix("files")
        return f"{kind}{files[0]}" if files else account.where
    if account.pattern in (Pattern.HEAP, Pattern.MAIN_STACK) and changes:
        return f"{changes[0].name} {changes[0].start:x}-{changes[0].end:x}"
    return account.where


def _tables(recording: Recording) -> Iterator[str]:
    """Beside the memory that they serve, and the address space."""
    resident = recording.series("statm.resident").growth
    size = recording.series("statm.size").growth
    yield (
        f"RSS moved by {format_bytes(resident)} and the address space by {format_bytes(size)}:"
        " of memory that is touched page by page the tables are the 512th part"
    )
    yield "so few pages of each table are there, or only the zero page, which is in no Rss (read, never written)"


def _growing_files(recording: Recording) -> list[str]:
    looked = [files for sample in recording if (files := tmpfs_files(sample)) is not None]
    if len(looked) < 2:
        return []
    growth = {name: size - looked[0].get(name, 0) for name, size in looked[-1].items()}
    return sorted((name for name, grew in growth.items() if grew > 0), key=lambda n: -growth[n])


def _types(recording: Recording, account: Account) -> Iterator[str]:
    """The four types beside it: what did not grow is evidence too."""
    looked = [sample.regions for sample in recording if sample.regions is not None]
    if len(looked) < 2 or account.pattern is Pattern.TMPFS:
        return
    before, after = looked[0].bytes_by_type, looked[-1].bytes_by_type
    changes = ", ".join(f"{t.label} {format_bytes(after[t] - before[t])}" for t in after if t.value)
    yield f"resident growth by type: {changes}"
