"""`strace -f -o FILE`: which mappings were made and never unmapped, how far brk moved, which threads were started.

`model.strace_lines` knows the lines; here is what they add up to.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from memlab.model import strace_lines
from memlab.model.strace_lines import Call
from memlab.observe.pasted.taken import Taken, series_of
from memlab.observe.pasted.text import Days, clock
from memlab.units import KIB, format_bytes

# kinds of mappings, by the flags they were asked for with, and what they are called
_STACK, _ANONYMOUS, _SHARED, _FILE, _FILE_SHARED = (
    "stacks",
    "anonymous",
    "shared",
    "private_file",
    "shared_file",
)
_NAMES = {
    _STACK: "thread stacks (MAP_STACK)",
    _ANONYMOUS: "anonymous mappings",
    _SHARED: "shared anonymous mappings",
    _FILE: "private mappings of files",
    _FILE_SHARED: "shared mappings of files",
}


@dataclass
class _Mapping:
    size: int
    kind: str
    site: str = ""


@dataclass
class _Process:
    """What the calls so far have left behind."""

    mappings: dict[int, _Mapping] = field(default_factory=dict)
    started: int = 0
    ended: int = 0
    sizes: Counter[str] = field(default_factory=Counter)  # by kind, bytes
    counts: Counter[str] = field(default_factory=Counter)  # what the kernel counts of them
    ends: Counter[int] = field(default_factory=Counter)  # of those that are anonymous
    brk: tuple[int, int] | None = None  # where the heap ended at first, and now
    noted: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, start: int, mapping: _Mapping) -> None:
        """One that was made."""
        if start in self.mappings:
            self.remove(start)
        self.mappings[start] = mapping
        self._count(start, mapping, 1)

    def remove(self, start: int) -> _Mapping:
        """One that is no more."""
        mapping = self.mappings[start]
        self._count(start, mapping, -1)
        del self.mappings[start]
        return mapping

    def _count(self, start: int, mapping: _Mapping, sign: int) -> None:
        """A stack and its guard are two; anonymous ones are one with what touches them (mm/vma.c, vma_merge)."""
        end = start + mapping.size
        self.sizes[mapping.kind] += sign * mapping.size
        if mapping.kind != _ANONYMOUS:
            self.counts[mapping.kind] += (2 if mapping.kind == _STACK else 1) * sign
            return
        after = self.mappings.get(end)
        touching = (self.ends[start] > 0) + (after is not None and after.kind == _ANONYMOUS)
        self.counts[_ANONYMOUS] += sign * (1 - touching)
        self.ends[end] += sign

    def note(self, seconds: float) -> None:
        """What is outstanding at this time: bytes, and how many mappings."""
        now = {"times": seconds, "strace.mappings": self.counts.total()}
        for kind in _NAMES:
            now[f"strace.{kind}"] = self.sizes[kind]
            now[f"strace.{kind}.mappings"] = self.counts[kind]
        if self.brk is not None:
            now["strace.heap"] = self.brk[1] - self.brk[0]
        for name, value in now.items():
            self.noted[name].append(value)


def looks_like(lines: list[str]) -> bool:
    """Two lines of calls with their results."""
    return sum(map(strace_lines.looks_like, lines)) >= 2


def read(lines: list[str], wanted: int | None = None) -> Taken:
    """What was mapped and stays mapped, by size and, with -k, by the caller."""
    process, calls, timed, pids = _Process(), 0, False, [0][:0]
    for call in strace_lines.read(lines):
        if call.name == strace_lines.END:
            continue
        calls += 1
        if call.pid:
            pids.append(call.pid)
        seconds = _seconds(call.time)
        timed |= seconds is not None
        made = _take(process, call)
        if made is not None:
            made.site = next(filter(None, map(_named, call.frames)), "")
        process.note(float(calls) if seconds is None else seconds)
    told = tuple(_told(process))
    series = {}
    if timed:
        times = process.noted.pop("times")
        for name, values in process.noted.items():
            unit = "count" if name.endswith("mappings") else "bytes"
            source = "strace brk" if name == "strace.heap" else "strace mmap - munmap"
            series[name] = series_of(name, times[-len(values) :], values, source, unit)
    cannot = () if timed else ("no times in it: how fast it grows is unknown (strace -ttt)",)
    # with -f these are threads, the first one that is seen not always the process's own
    pid = wanted if wanted in pids else next(iter(pids), None)
    what = f"strace log: {calls:,} calls"
    return Taken(what, pid, None, series, told=told, cannot=cannot, pids=frozenset(pids))


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    return Days().seconds(clock(text) or 0.0) if ":" in text else float(text)


def _take(process: _Process, made: Call) -> _Mapping | None:
    """One call; the mapping it made."""
    call, args = made.name, made.arguments
    value = -1 if made.value is None else made.value
    if value < 0 and call != "exit":
        return None
    numbers = [int(word, 0) for word in re.findall(r"\b0x[0-9a-f]+\b|\b(?:0|[1-9]\d*)\b", args)]
    if call == "brk":  # says where the heap ends, also where it could not be moved (mm/mmap.c)
        process.brk = (process.brk[0] if process.brk else value, value)
        return None
    if call in ("mmap", "mmap2") and numbers:
        size = numbers[1] if "NULL" not in args else numbers[0]
        if "MAP_FIXED" in args:  # it takes the place of what is there
            _unmap(process, value, size)
        process.add(value, _Mapping(size, _kind(args)))
        return process.mappings[value]
    if call == "munmap" and len(numbers) > 1:
        _unmap(process, numbers[0], numbers[1])
    elif call in ("clone", "clone3") and "CLONE_THREAD" in args:
        process.started += 1
    elif call == "exit":
        process.ended += 1
    return None


def _kind(args: str) -> str:
    shared = "MAP_SHARED" in args
    if "MAP_ANONYMOUS" not in args:
        return _FILE_SHARED if shared else _FILE
    return _SHARED if shared else _STACK if "MAP_STACK" in args else _ANONYMOUS


def _unmap(process: _Process, start: int, size: int) -> None:
    """All that lies whole in the range; of others the part at their end or their beginning."""
    exact = process.mappings.get(start)
    if exact is not None and exact.size == size:
        process.remove(start)
        return
    for address, mapping in list(process.mappings.items()):
        low, high = max(start, address), min(start + size, address + mapping.size)
        if low >= high:
            continue
        process.remove(address)
        for first, beyond in ((address, low), (high, address + mapping.size)):
            if beyond > first:
                process.add(first, _Mapping(beyond - first, mapping.kind, mapping.site))


def _told(process: _Process) -> Iterator[str]:
    for kind, name in _NAMES.items():
        left = [mapping for mapping in process.mappings.values() if mapping.kind == kind]
        if not left:
            continue
        size, count = Counter(mapping.size for mapping in left).most_common(1)[0]
        yield (
            f"{len(left)} {name} were made and not unmapped, {format_bytes(sum(m.size for m in left))};"
            f" {count} of them of {size // KIB:,} kB"
        )
        sites = Counter(mapping.site for mapping in left if mapping.site)
        yield from (f"{count} of these by {site}" for site, count in sites.most_common(2))
    if process.brk is not None and process.brk[1] > process.brk[0]:
        yield f"brk moved the end of [heap] up by {format_bytes(process.brk[1] - process.brk[0])}"
    if process.started:
        yield f"{process.started} threads were started in it, {process.ended} ended"


def _named(frame: str) -> str:
    """The function and its file of a line of -k; not those in libc, which map for somebody else."""
    return "" if re.search(r"/lib(?:c|pthread)[.-][^/(]*\(", frame) else frame.strip()
