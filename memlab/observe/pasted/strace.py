"""`strace -f -o FILE`: which mappings were made and never unmapped, which threads were started.

A line is: pid (with -f), a time with -t, -tt, -ttt or -r, call(arguments) = result. A call that another
thread interrupts is printed in two parts, "<unfinished ...>" and "<... mmap resumed>". With -k the stack of
calls follows, each line behind " > ".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from memlab.observe.pasted.taken import Taken, series_of
from memlab.observe.pasted.text import Days, clock
from memlab.units import KIB, format_bytes

_LINE = re.compile(
    r"^\s*(?:\[pid\s+)?(?P<pid>\d+)?\]?\s*(?P<time>\d+:\d\d:\d\d(?:\.\d+)?|\d+\.\d+)?\s*"
    r"(?:(?P<call>[a-z]\w*)\((?P<args>.*)|<\.\.\. (?P<resumed>\w+) resumed>(?P<rest>.*))$"
)
_RESULT = re.compile(r"\)?\s*= (?P<value>0x[0-9a-f]+|-?\d+)")
_FRAME = re.compile(r"^\s*>\s*(?P<frame>.+)$")
_STACK = "MAP_STACK"


@dataclass
class _Mapping:
    size: int
    stack: bool
    site: str = ""


@dataclass
class _Process:
    """What the calls so far have left behind."""

    mappings: dict[int, _Mapping] = field(default_factory=dict)
    started: int = 0
    ended: int = 0
    times: list[float] = field(default_factory=list)
    anonymous: list[float] = field(default_factory=list)
    stacks: list[float] = field(default_factory=list)

    def note(self, seconds: float) -> None:
        """Bytes outstanding, at this time."""
        sizes = Counter[bool]()
        for mapping in self.mappings.values():
            sizes[mapping.stack] += mapping.size
        self.times.append(seconds)
        self.anonymous.append(sizes[False])
        self.stacks.append(sizes[True])


def looks_like(lines: list[str]) -> bool:
    """Two lines of calls with their results."""
    seen = (found for line in lines if (found := _LINE.match(line)) and found["call"])
    return sum(bool(_RESULT.search(found["args"])) for found in seen) >= 2


def read(lines: list[str]) -> Taken:
    """What was mapped and stays mapped, by size and, with -k, by the caller."""
    process, calls, timed, pid = _Process(), 0, False, None
    last: _Mapping | None = None
    for at, line in enumerate(_joined(lines)):
        if (frame := _FRAME.match(line)) and last is not None:
            last.site = last.site or _named(frame["frame"])
            continue
        found = _LINE.match(line)
        if not found or not found["call"]:
            continue
        calls += 1
        pid = pid or (int(found["pid"]) if found["pid"] else None)
        seconds = _seconds(found["time"])
        timed |= seconds is not None
        last = _take(process, found["call"], found["args"])
        process.note(float(at) if seconds is None else seconds)
    told = tuple(_told(process))
    series = {}
    if timed:
        for name in ("anonymous", "stacks"):
            values = getattr(process, name)
            series[f"strace.{name}"] = series_of(
                f"strace.{name}", process.times, values, "strace mmap - munmap"
            )
    cannot = () if timed else ("no times in it: how fast it grows is unknown (strace -ttt)",)
    return Taken(f"strace log: {calls:,} calls", pid, None, series, told=told, cannot=cannot)


def _joined(lines: list[str]) -> Iterator[str]:
    """Interrupted calls put together, at the place where they end."""
    begun: dict[str | None, str] = {}
    for line in lines:
        found = _LINE.match(line)
        if found and found["call"] and "<unfinished" in found["args"]:
            begun[found["pid"]] = line.partition("<unfinished")[0].rstrip()
        elif found and found["resumed"] and found["pid"] in begun:
            yield begun.pop(found["pid"]) + found["rest"]
        else:
            yield line


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    return Days().seconds(clock(text) or 0.0) if ":" in text else float(text)


def _take(process: _Process, call: str, args: str) -> _Mapping | None:
    """One call; the mapping it made, whose stack may follow."""
    result = _RESULT.search(args)
    value = int(result["value"], 0) if result else -1
    if value < 0 and call != "exit":
        return None
    numbers = [int(word, 0) for word in re.findall(r"\b0x[0-9a-f]+\b|\b(?:0|[1-9]\d*)\b", args)]
    if call in ("mmap", "mmap2") and "MAP_ANONYMOUS" in args and "MAP_PRIVATE" in args:
        size = numbers[1] if "NULL" not in args else numbers[0]
        process.mappings[value] = _Mapping(size, _STACK in args)
        return process.mappings[value]
    if call == "munmap" and len(numbers) > 1:
        _unmap(process.mappings, numbers[0], numbers[1])
    elif call in ("clone", "clone3") and "CLONE_THREAD" in args:
        process.started += 1
    elif call == "exit":
        process.ended += 1
    return None


def _unmap(mappings: dict[int, _Mapping], start: int, size: int) -> None:
    """All that lies whole in the range; of others the part at their end or their beginning."""
    for address, mapping in list(mappings.items()):
        low, high = max(start, address), min(start + size, address + mapping.size)
        if low >= high:
            continue
        del mappings[address]
        for first, beyond in ((address, low), (high, address + mapping.size)):
            if beyond > first:
                mappings[first] = _Mapping(beyond - first, mapping.stack, mapping.site)


def _told(process: _Process) -> Iterator[str]:
    for stack, name in ((True, "thread stacks (MAP_STACK)"), (False, "anonymous mappings")):
        left = [mapping for mapping in process.mappings.values() if mapping.stack == stack]
        if not left:
            continue
        size, count = Counter(mapping.size for mapping in left).most_common(1)[0]
        yield (
            f"{len(left)} {name} were made and not unmapped, {format_bytes(sum(m.size for m in left))};"
            f" {count} of them of {size // KIB:,} kB"
        )
        sites = Counter(mapping.site for mapping in left if mapping.site)
        yield from (f"{count} of these by {site}" for site, count in sites.most_common(2))
    if process.started:
        yield f"{process.started} threads were started in it, {process.ended} ended"


def _named(frame: str) -> str:
    """The function and its file of a line of -k; not those in libc, which map for somebody else."""
    return "" if re.search(r"/lib(?:c|pthread)[.-][^/(]*\(", frame) else frame.strip()
