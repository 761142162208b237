"""Files of /proc that somebody copied: smaps, maps, status, meminfo, slabinfo; whole, cut, or one after another.

They are the kernel's own words, so they become what they are: files below /proc in a recorded instant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from memlab.observe.pasted.taken import Taken
from memlab.observe.pasted.text import ELISION, Days, clock
from memlab.units import format_seconds

_RANGE = re.compile(r"^\s*[0-9a-f]{8,16}-[0-9a-f]{8,16} [-r][-w][-x][-ps] ")
_SMAPS = re.compile(r"^(?:Size|Rss|Pss):\s+\d+ kB$")
_FIELD = re.compile(r"^\s*[A-Za-z][A-Za-z0-9_()]*:\s*\S?")
_SLAB = re.compile(r"^\S+\s+\d+\s+\d+\s+\d+\s+\d+\s+\d+ : tunables")


def is_smaps(lines: list[str]) -> bool:
    """Headers of mappings and the sizes below them."""
    return any(map(_RANGE.match, lines)) and any(_SMAPS.match(line.strip()) for line in lines)


def is_maps(lines: list[str]) -> bool:
    """Headers of mappings and nothing else."""
    return any(map(_RANGE.match, lines)) and not is_smaps(lines)


def is_status(lines: list[str]) -> bool:
    """VmSize or Threads, below a Name."""
    starts = {line.strip().partition(":")[0] for line in lines}
    return "Name" in starts and bool(starts & {"VmSize", "VmRSS", "Threads"})


def is_meminfo(lines: list[str]) -> bool:
    """MemTotal and MemFree."""
    starts = {line.strip().partition(":")[0] for line in lines}
    return {"MemTotal", "MemFree"} <= starts


def is_slabinfo(lines: list[str]) -> bool:
    """A line of a cache with its tunables."""
    return any(map(_SLAB.match, lines))


def read_smaps(lines: list[str]) -> Taken:
    """One look at the mappings."""
    kept = [line.strip() for line in lines if _RANGE.match(line) or _FIELD.match(line)]
    while kept and not _RANGE.match(kept[0]):  # cut: these belong to a mapping that is not here
        kept.pop(0)
    count = sum(bool(_RANGE.match(line)) for line in kept)
    return _one_look("smaps", kept, f"smaps: one look at {count:,} mappings{_gaps(lines)}")


def read_maps(lines: list[str]) -> Taken:
    """One look at the address space."""
    kept = [line.strip() for line in lines if _RANGE.match(line)]
    taken = _one_look("maps", kept, f"maps: one look at {len(kept):,} mappings{_gaps(lines)}")
    told = (*taken.cannot, "maps has no resident sizes: these are in smaps")
    return Taken(taken.what, texts=taken.texts, cannot=told)


def read_status(lines: list[str]) -> Taken:
    """One look at the sums."""
    kept = [line.strip() for line in lines if _FIELD.match(line)]
    fields = {name: value.strip() for name, _, value in (line.partition(":") for line in kept)}
    pid = int(fields["Pid"]) if fields.get("Pid", "").isdigit() else None
    text = "\n".join(f"{name}:\t{value}" for name, value in fields.items()) + "\n"
    return Taken(
        f"status of {fields['Name']}",
        pid,
        fields["Name"],
        texts=((None, "PID/status", text.encode()),),
        cannot=("one look shows no growth: copy it again later",),
    )


def read_meminfo(lines: list[str]) -> Taken:
    """One look at the machine or several, with the time where lines with a clock stand between them."""
    looks = list(_looks(lines))
    over = looks[-1][0] - looks[0][0] if len(looks) > 1 else 0.0
    what = f"meminfo: {len(looks)} look{'s' if len(looks) > 1 else ''} at the machine"
    if over:
        what += f" over {format_seconds(over)}"
    texts = tuple((time, "meminfo", text) for time, text in looks)
    return Taken(what, texts=texts, cannot=("meminfo is the whole machine's: it names no process",))


def _looks(lines: list[str]) -> Iterator[tuple[float, bytes]]:
    """(seconds, text); without clocks they are counted."""
    days, seconds, kept = Days(), 0.0, [""][:0]
    count = 0
    for line in (*lines, "MemTotal:"):
        if line.strip().startswith("MemTotal:") and kept:
            yield seconds if seconds else float(count), ("\n".join(kept) + "\n").encode()
            kept, count = [], count + 1
        at = None if _FIELD.match(line) else clock(line)
        if at is not None:
            seconds = days.seconds(at)
        elif _FIELD.match(line) and (kept or line.strip().startswith("MemTotal:")):
            kept.append(line.strip())


def read_slabinfo(lines: list[str]) -> Taken:
    """One look at the kernel's caches."""
    kept = [line.strip() for line in lines if _SLAB.match(line)]
    text = "slabinfo - version: 2.1\n# name\n" + "\n".join(kept) + "\n"
    return Taken(
        f"slabinfo: one look at {len(kept)} caches",
        texts=((None, "slabinfo", text.encode()),),
        cannot=("one look shows no growth: copy it again later",),
    )


def _one_look(name: str, kept: list[str], what: str) -> Taken:
    text = ("\n".join(kept) + "\n").encode()
    once = ("one look shows no growth: copy it again later, or bring a pidstat log",)
    return Taken(what, texts=((None, f"PID/{name}", text),), cannot=once)


def _gaps(lines: list[str]) -> str:
    elided = sum(bool(ELISION.match(line)) for line in lines)
    return f", {elided} gaps marked in it" if elided else ""
