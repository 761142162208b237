"""Files of /proc that somebody copied: smaps, maps, status, meminfo, slabinfo; whole, cut, or one after another.

They are the kernel's own words, so they become what they are: files below /proc in a recorded instant.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from memlab.errors import Refused
from memlab.observe.pasted.chosen import Process, alike, program_of
from memlab.observe.pasted.looks import Look, Repeats, clocked, cut, of_one_process, once, words
from memlab.observe.pasted.pmap import Row, grew, sums
from memlab.observe.pasted.taken import Taken, series_of
from memlab.observe.pasted.text import ELISION
from memlab.procfs import maps
from memlab.units import KIB

_RANGE = re.compile(
    r"^\s*(?P<start>[0-9a-f]{8,16})-(?P<end>[0-9a-f]{8,16}) [-r][-w][-x][-ps] (?P<rest>.*)$"
)
_SMAPS = re.compile(r"^(?:Size|Rss|Pss):\s+\d+ kB$")
_FIELD = re.compile(r"^\s*[A-Za-z][A-Za-z0-9_()]*:\s*\S?")
_SLAB = re.compile(r"^\S+\s+\d+\s+\d+\s+\d+\s+\d+\s+\d+ : tunables")
_ROLLUP = "[rollup]"


def _is_range(line: str) -> bool:
    return bool(_RANGE.match(line))


def _is_mapping(line: str) -> bool:
    return bool(_RANGE.match(line) or _FIELD.match(line))


def _span(line: str) -> tuple[int, int] | None:
    found = _RANGE.match(line)
    return (int(found["start"], 16), int(found["end"], 16)) if found else None


def is_smaps(lines: list[str]) -> bool:
    """Headers of mappings and the sizes below them."""
    return any(map(_RANGE.match, lines)) and any(_SMAPS.match(line.strip()) for line in lines)


def is_rollup(lines: list[str]) -> bool:
    """The one header of smaps_rollup, and the sums below it."""
    headers = [line for line in lines if _RANGE.match(line)]
    return is_smaps(lines) and all(line.rstrip().endswith(_ROLLUP) for line in headers)


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
    """A look at the mappings, or several."""
    first = next(n for n, line in enumerate(lines) if _RANGE.match(line))
    # cut: what stands before it belongs to a mapping that is not here
    kept = [line for line in lines[:first] if not _FIELD.match(line)] + lines[first:]
    return _mappings("smaps", kept, lines)


def read_maps(lines: list[str]) -> Taken:
    """A look at the address space, or several."""
    whole = ("maps has no resident sizes: these are in smaps",)
    taken = _mappings("maps", lines, lines, whole, _is_range)
    if len(taken.texts) < 2:
        return taken
    times, timed = clocked([Look(time) for time, _, _ in taken.texts])
    rows = [_rows(text) for _, _, text in taken.texts]
    return replace(taken, series=sums(rows, times), told=tuple(grew(rows)), timed=timed)


def _rows(text: bytes) -> list[Row]:
    found = maps.parse(text)
    return [
        Row(one.start, one.end - one.start, None, one.perms, one.name or "[ anon ]")
        for one in found
    ]


def read_rollup(lines: list[str]) -> Taken:
    """The sums over all mappings: a look or several."""
    looks = cut(lines, _is_mapping, _is_range)
    times, timed = clocked(looks)
    values = [_fields(look.lines)["Rss"] for look in looks]
    rss = [float(value.split()[0]) * KIB for value in values]
    return Taken(
        f"smaps_rollup: {words(len(looks), [look.seconds for look in looks])}",
        series={"stat.rss": series_of("stat.rss", times, rss, "smaps_rollup Rss")},
        cannot=("smaps_rollup is one sum: which mapping grew is in smaps", *once(len(looks))),
        timed=timed,
    )


def read_status(lines: list[str], pid: int | None = None) -> Taken:
    """The sums of one process, once or several times."""
    looks = cut(lines, lambda line: bool(_FIELD.match(line)), lambda line: _name_of(line) == "Name")
    looks, chosen, why, groups = of_one_process(looks, _whose, _size, pid)
    fields = _fields(looks[-1].lines)
    own = int(fields["Pid"]) if fields.get("Pid", "").isdigit() else None
    seen = f": {words(len(looks), [look.seconds for look in looks])}" if len(looks) > 1 else ""
    texts = tuple((look.seconds, "PID/status", _status_text(look)) for look in looks)
    return Taken(
        f"status of {fields['Name']}{seen}{why}",
        chosen[0] if chosen else own,
        fields["Name"],
        texts=texts,
        cannot=tuple(once(len(looks))),
        pids=frozenset(key[0] for key in groups),
    )


def _status_text(look: Look) -> bytes:
    lines = (f"{name}:\t{value}" for name, value in _fields(look.lines).items())
    return ("\n".join(lines) + "\n").encode()


def _whose(look: Look) -> Process | None:
    fields = _fields(look.lines)
    return (int(fields["Pid"]), fields["Name"]) if fields.get("Pid", "").isdigit() else None


def _size(look: Look) -> float:
    fields = _fields(look.lines)
    found = (fields.get(name, "0").split()[0] for name in ("VmSize", "VmRSS"))
    return float(sum(int(value) * KIB for value in found if value.isdigit()))


def _fields(lines: list[str]) -> dict[str, str]:
    return {
        name: value.strip() for name, _, value in (line.strip().partition(":") for line in lines)
    }


def _name_of(line: str) -> str:
    return line.strip().partition(":")[0]


def read_meminfo(lines: list[str]) -> Taken:
    """One look at the machine or several, with the time where lines with a clock stand between them."""
    looks = cut(
        lines, lambda line: bool(_FIELD.match(line)), lambda line: _name_of(line) == "MemTotal"
    )
    looks = [look for look in looks if _name_of(look.lines[0]) == "MemTotal"]
    what = f"meminfo: {words(len(looks), [look.seconds for look in looks])}"
    texts = tuple((look.seconds, "meminfo", _text(look.lines)) for look in looks)
    whole = "meminfo is the whole machine's: it names no process"
    return Taken(what, texts=texts, cannot=(whole,), of_machine=True)


def read_slabinfo(lines: list[str]) -> Taken:
    """One look at the kernel's caches."""
    kept = [line.strip() for line in lines if _SLAB.match(line)]
    text = "slabinfo - version: 2.1\n# name\n" + "\n".join(kept) + "\n"
    return Taken(
        f"slabinfo: one look at {len(kept)} caches",
        texts=((None, "slabinfo", text.encode()),),
        of_machine=True,
        cannot=("one look shows no growth: copy it again later",),
    )


def _mappings(
    name: str,
    kept: list[str],
    lines: list[str],
    cannot: tuple[str, ...] = (),
    belongs: Callable[[str], bool] = _is_mapping,
) -> Taken:
    again = Repeats()
    looks = cut(kept, belongs, lambda line: again(_span(line)))
    programs = [program for look in looks if (program := _program(look))]
    other = next((program for program in programs if not alike(program, programs[0])), None)
    if other is not None:
        raise Refused(
            f"it holds mappings of different programs: {programs[0]} and {other}",
            "keep those of one",
        )
    count = sum(map(_is_range, looks[-1].lines))
    seen = words(len(looks), [look.seconds for look in looks])
    what = f"{name}: {seen} at {count:,} mappings"
    if len(looks) > 1:
        what = f"{name}: {seen}, the last at {count:,} mappings"
    texts = tuple((look.seconds, f"PID/{name}", _text(look.lines)) for look in looks)
    return Taken(
        what + _gaps(lines),
        texts=texts,
        cannot=(*once(len(looks)), *cannot),
        program=programs[0] if programs else None,
    )


def _program(look: Look) -> str | None:
    ranges = (line.split(None, 5) for line in look.lines if _RANGE.match(line))
    return program_of((parts[1], parts[5]) for parts in ranges if len(parts) > 5)


def _text(lines: list[str]) -> bytes:
    return ("\n".join(line.strip() for line in lines) + "\n").encode()


def _gaps(lines: list[str]) -> str:
    elided = sum(bool(ELISION.match(line)) for line in lines)
    return f", {elided} gaps marked in it" if elided else ""
