"""`pmap`, `pmap -x` (procps-ng, pmap.c): a line a mapping, sizes in kB, `...` where somebody cut it.

pmap      address  size with a K      mode  mapping
pmap -x   address  Kbytes RSS Dirty   mode  mapping
pmap -d   address  Kbytes mode  offset  device  mapping
pmap -X   address  mode  offset  device  inode  Size Rss … mapping
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from memlab.model.series import Series
from memlab.observe.pasted.chosen import Process, program_of
from memlab.observe.pasted.looks import Look, Repeats, clocked, cut, of_one_process, once, words
from memlab.observe.pasted.taken import Taken, series_of
from memlab.observe.pasted.text import ELISION
from memlab.units import KIB, counted, format_bytes

_LINE = re.compile(
    r"^\s*(?P<start>[0-9a-f]{8,16})\s+(?P<size>\d+)K?(?:\s+(?P<rss>\d+)\s+(?P<dirty>\d+))?"
    r"\s+(?P<mode>[-r][-w][-x][-s][-R]?)\s+(?:[0-9a-f]{16}\s+[0-9a-f]{3}:[0-9a-f]{5}\s+)?(?P<name>.*)$"
)
# -X and -XX: as the header says, the columns of smaps between the inode and the mapping, which may be empty
_FULL = re.compile(
    r"^\s*(?P<start>[0-9a-f]{8,16})\s+(?P<mode>[-r][-w][-x][-ps])\s+[0-9a-f]+\s+[0-9a-f]+:[0-9a-f]+\s+\d+"
    r"\s+(?P<numbers>\d+(?:\s+\d+)*)(?P<name>.*)$"
)
_TITLE = re.compile(r"^\s*(?P<pid>\d+):\s+(?P<command>\S.*)$")


@dataclass(frozen=True)
class Row:
    """A mapping; bytes. rss is None where `pmap` was called without -x."""

    start: int
    size: int
    rss: int | None
    mode: str
    name: str


def looks_like(lines: list[str]) -> bool:
    """A line of a mapping, or of -X with its header."""
    return bool(_rows(lines))


def read(lines: list[str], pid: int | None = None) -> Taken:
    """A look at the address space or several: how large its parts are, what looks like stacks, and what grew."""
    looks, chosen, why, groups = of_one_process(_looks(lines), _whose, _whole, pid)
    rows = [_rows(look.lines) for look in looks]
    elided = sum(bool(ELISION.match(line)) for line in lines)
    extended = any(row.rss is not None for row in rows[-1])
    seen = words(len(looks), [look.seconds for look in looks])
    last = ", the last" if len(looks) > 1 else ""
    what = f"pmap{' -x' if extended else ''}: {seen}{last} at {len(rows[-1]):,} mappings"
    if elided:
        what += f", {elided} gaps marked in it: its sums are of what is left"
    times, timed = clocked(looks)
    return Taken(
        what + why,
        chosen[0] if chosen else None,
        chosen[1] if chosen else None,
        series=sums(rows, times) if len(looks) > 1 else {},
        told=(*grew(rows), *_told(rows[-1])),
        pids=frozenset(key[0] for key in groups),
        program=None if chosen else program_of((row.mode, row.name) for row in rows[-1]),
        cannot=tuple(once(len(looks))),
        timed=timed,
    )


def _looks(lines: list[str]) -> list[Look]:
    """Cut at each title, and where a mapping comes again; a title without mappings is of a kernel thread."""
    again = Repeats()

    def begins(line: str) -> bool:
        found = _LINE.match(line) or _FULL.match(line)
        start = int(found["start"], 16) if found else 0
        repeated = again((start, -start)) if found else False
        return repeated or bool(_TITLE.match(line))

    heads = [line for line in lines if _is_head(line)]
    kept = cut(lines, _belongs, begins)
    # the columns of -X are named at the top of each look, or once
    return [
        Look(look.seconds, [*heads[:1], *look.lines])
        for look in kept
        if _rows([*heads[:1], *look.lines])
    ]


def _belongs(line: str) -> bool:
    return bool(_LINE.match(line) or _FULL.match(line) or _TITLE.match(line)) or _is_head(line)


def _is_head(line: str) -> bool:
    return {"Perm", "Size", "Rss"} <= set(line.split())


def _whose(look: Look) -> Process | None:
    title = next((found for line in look.lines if (found := _TITLE.match(line))), None)
    if title is None:
        return None
    return int(title["pid"]), title["command"].split()[0].rpartition("/")[2]


def _whole(look: Look) -> float:
    return float(sum(row.size + (row.rss or 0) for row in _rows(look.lines)))


def sums(rows: list[list[Row]], times: list[float]) -> dict[str, Series]:
    """The two sums, as pidstat has them."""
    sizes = [float(sum(row.size for row in look)) for look in rows]
    series = {"stat.vsize": series_of("stat.vsize", times, sizes, "all mappings")}
    if all(row.rss is not None for look in rows for row in look):
        resident = [float(sum(row.rss or 0 for row in look)) for look in rows]
        series["stat.rss"] = series_of("stat.rss", times, resident, "RSS of all mappings")
    return series


def grew(rows: list[list[Row]]) -> Iterator[str]:
    """What has more in the last look than in the first, by the names of the mappings; those without one are one."""
    if len(rows) < 2:
        return
    before, after = _by_name(rows[0]), _by_name(rows[-1])
    known = all(row.rss is not None for look in (rows[0], rows[-1]) for row in look)
    more: dict[str, tuple[int, int]] = {}
    for name, (size, rss) in after.items():
        size_before, rss_before = before.get(name, (0, 0))
        more[name] = (size - size_before, rss - rss_before)
    looks = f"in the last of {len(rows)} looks than in the first"
    grown = sorted((name for name in more if max(more[name]) > 0), key=lambda n: -max(more[n]))
    for name in grown[:3]:
        resident = f" and {format_bytes(more[name][1])} resident" if known else ""
        yield f"{name} has {format_bytes(more[name][0])} of address space{resident} more {looks}"
    if not grown:
        yield f"no mapping has more {looks}"


def _by_name(rows: list[Row]) -> dict[str, tuple[int, int]]:
    sums: dict[str, tuple[int, int]] = {}
    for row in rows:
        size, rss = sums.get(row.name, (0, 0))
        sums[row.name] = (size + row.size, rss + (row.rss or 0))
    return sums


def _rows(lines: list[str]) -> list[Row]:
    rows: list[Row] = []
    columns = [""][:0]
    for line in lines:
        words = line.split()
        if {"Perm", "Size", "Rss"} <= set(words):
            columns = words[words.index("Size") :]
        elif found := _LINE.match(line):
            rows.append(_row(found))
        elif columns and (full := _FULL.match(line)):
            rows.append(_full_row(full, columns))
    return rows


def _full_row(found: re.Match[str], columns: list[str]) -> Row:
    """Of -X: Size stands first, and an empty name is anonymous memory."""
    numbers = [int(number) for number in found["numbers"].split()]
    at = columns.index("Rss")
    words = [word for word in found["name"].split() if not re.fullmatch("[a-z]{2}", word)]
    return Row(
        int(found["start"], 16),
        numbers[0] * KIB,
        numbers[at] * KIB if at < len(numbers) else None,
        found["mode"],
        " ".join(words) or "[ anon ]",  # -XX has VmFlags, words of two letters, before the name
    )


def _row(found: re.Match[str]) -> Row:
    rss = found["rss"]
    return Row(
        int(found["start"], 16),
        int(found["size"]) * KIB,
        None if rss is None else int(rss) * KIB,
        found["mode"],
        found["name"].strip(),
    )


def _told(rows: list[Row]) -> list[str]:
    anonymous = [row for row in rows if row.name == "[ anon ]"]
    told = [
        f"{format_bytes(sum(row.size for row in rows))} of address space"
        + _resident(rows)
        + f"; {counted(len(anonymous), 'anonymous mapping')} of {format_bytes(sum(row.size for row in anonymous))}"
        + _resident(anonymous)
    ]
    largest = max(rows, key=lambda row: row.size)
    told.append(f"the largest mapping is {largest.name} with {format_bytes(largest.size)}")
    stacks = stack_sizes(rows)
    told += [
        f"{count} mappings of {size // KIB:,} kB beside a closed one (-----): the shape of thread stacks"
        for size, count in stacks.most_common(1)
    ]
    return told


def _resident(rows: list[Row]) -> str:
    known = [row.rss for row in rows if row.rss is not None]
    return f", {format_bytes(sum(known))} of it resident" if known else ""


def stack_sizes(rows: list[Row]) -> Counter[int]:
    """Bytes -> how many writable anonymous mappings of that size touch a smaller closed one."""
    found: Counter[int] = Counter()
    counted: set[int] = set()  # one stack may lie between its guard and the next one's
    for low, high in pairwise(rows):
        if low.start + low.size != high.start:
            continue
        for guard, stack in ((low, high), (high, low)):
            shaped = guard.mode.startswith("---") and stack.mode.startswith("rw")
            if not shaped or guard.size >= stack.size or stack.start in counted:
                continue
            counted.add(stack.start)
            found[stack.size] += stack.name == "[ anon ]"
    return +found
