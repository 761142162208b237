"""`pmap`, `pmap -x` (procps-ng, pmap.c): a line a mapping, sizes in kB, `...` where somebody cut it.

pmap      address  size with a K      mode  mapping
pmap -x   address  Kbytes RSS Dirty   mode  mapping
pmap -d   address  Kbytes mode  offset  device  mapping
pmap -X   address  mode  offset  device  inode  Size Rss … mapping
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from memlab.observe.pasted.taken import Taken
from memlab.observe.pasted.text import ELISION
from memlab.units import KIB, format_bytes

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


def read(lines: list[str]) -> Taken:
    """One look at the address space: how large its parts are, and what looks like stacks."""
    rows = _rows(lines)
    title = next((found for line in lines if (found := _TITLE.match(line))), None)
    elided = sum(bool(ELISION.match(line)) for line in lines)
    extended = any(row.rss is not None for row in rows)
    what = f"pmap{' -x' if extended else ''}: one look at {len(rows):,} mappings"
    if elided:
        what += f", {elided} gaps marked in it: its sums are of what is left"
    return Taken(
        what,
        int(title["pid"]) if title else None,
        title["command"].split()[0].rpartition("/")[2] if title else None,
        told=tuple(_told(rows)),
        cannot=("one look shows no growth: copy it again later, or bring a pidstat log",),
    )


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
        + f"; {len(anonymous)} anonymous mappings of {format_bytes(sum(row.size for row in anonymous))}"
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
