"""/proc/PID/limits, /proc/PID/numa_maps and ipcs -m."""

from __future__ import annotations

import re

from memlab.model.what.glossary import TITLES, field
from memlab.model.what.types import Field, Item, Remark, alarming, note
from memlab.model.what.values import both, worded

_LIMIT = re.compile(
    r" *(Max [a-z ]+?) +(unlimited|\d{1,20}) +(unlimited|\d{1,20})(?: +(\w+))? *", re.ASCII
)
_NUMA = re.compile(
    r" *([0-9a-f]{6,16}) ((?:default|local|bind|prefer|interleave|weighted)\S*)((?: \S+)*) *"
)
_SEGMENT = re.compile(
    r" *(0x[0-9a-f]{8}) +(\d{1,10}) +(\S+) +([0-7]{3,4}) +(\d{1,18}) +(\d{1,9})(?: +(dest|locked|dest +locked))? *"
)
_COLUMNS = ["key", "shmid", "owner", "perms", "bytes", "nattch", "status"]


def read_limits(lines: list[str], at: int) -> tuple[Item, int] | None:
    """Rows of /proc/PID/limits."""
    after = at + (lines[at].split() == "Limit Soft Limit Hard Limit Units".split())
    fields = []
    while after < len(lines) and (match := _LIMIT.fullmatch(lines[after])):
        name, soft, hard, unit = match.groups()
        shown = [size if size == "unlimited" else worded(size, unit or "") for size in (soft, hard)]
        value = shown[0] if soft == hard else f"{shown[0]}; at most {shown[1]}"
        fields.append(field("limits", name, value, unit="text"))
        after += 1
    if after == at:
        return None
    remark = note("two values: what holds now (ulimit -S), and up to where it may be raised (-H)")
    return Item(_title("limits", len(fields)), tuple(fields), (remark,)), after


def read_numa_maps(lines: list[str], at: int) -> tuple[Item, int] | None:
    """Lines of numa_maps; pages are summed over them."""
    rows: list[tuple[str, dict[str, str]]] = []
    while at < len(lines) and (match := _NUMA.fullmatch(lines[at])):
        words = (word.partition("=") for word in match[3].split())
        rows.append((match[2], {name: value for name, _, value in words}))
        at += 1
    if not rows:
        return None
    names = dict.fromkeys(name for _, words in rows for name in words)
    policies = " or ".join(dict.fromkeys(policy for policy, _ in rows))
    fields = [field("numa_maps", "policy", policies)]
    fields += [
        _numa_field(name, [words[name] for _, words in rows if name in words]) for name in names
    ]
    remarks = [note("pages above are sums over these mappings")] if len(rows) > 1 else []
    return Item(_title("numa_maps", len(rows)), tuple(fields), tuple(remarks)), at


def _numa_field(name: str, values: list[str]) -> Field:
    numbers = [int(value) for value in values if re.fullmatch(r"[0-9]{1,15}", value)]
    if name == "kernelpagesize_kB" or len(numbers) < len(values):
        distinct = list(dict.fromkeys(values))
        unit = " kB" if name == "kernelpagesize_kB" else ""
        shown = " or ".join(distinct[:3]) + " …" * (len(distinct) > 3)
        return field("numa_maps", name, shown + unit, unit="text")
    number = max(numbers) if name == "mapmax" else sum(numbers)
    return field("numa_maps", name, str(number))


def read_segments(lines: list[str], at: int) -> tuple[Item, int] | None:
    """`ipcs -m`; the values are of the largest."""
    after = at
    if re.fullmatch(r"-+ Shared Memory Segments -+", lines[after].strip()):
        after += 1
    if after < len(lines) and lines[after].split() == _COLUMNS:
        after += 1
    rows: list[dict[str, str]] = []
    while after < len(lines) and (match := _SEGMENT.fullmatch(lines[after])):
        rows.append(dict(zip(_COLUMNS, (cell or "" for cell in match.groups()), strict=True)))
        after += 1
    if after == at:
        return None
    largest = max(rows, key=lambda row: int(row["bytes"]), default=dict.fromkeys(_COLUMNS, ""))
    fields = tuple(field("ipcs", name, value) for name, value in largest.items())
    return Item(_title("ipcs", len(rows)), fields, tuple(_segment_remarks(rows))), after


def _segment_remarks(rows: list[dict[str, str]]) -> list[Remark]:
    remarks = [note("values above: the largest")] if len(rows) > 1 else []
    left = [row for row in rows if row["nattch"] == "0"]
    if left:
        size = both(sum(int(row["bytes"]) for row in left))
        remarks.append(
            alarming(
                f"{len(left)} with no attachment, {size} long in sum: left behind, or waiting for somebody;"
                " ipcs -m -p tells who made them, ipcrm -m removes one"
            )
        )
    return remarks


def _title(file: str, count: int) -> str:
    return f"{count} row{'s' * (count != 1)} of {TITLES[file]}"


READERS = (read_limits, read_numa_maps, read_segments)
