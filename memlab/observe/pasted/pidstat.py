"""Logs of `pidstat -r` (sysstat, pidstat.c): time, PID, faults a second, VSZ, RSS, %MEM, command.

The columns are found by their header where there is one, and else by their places: a clock, AM or PM, a UID
in later versions, PID, minflt/s, majflt/s, VSZ and RSS in kB, %MEM, command. `-h` prints all in one table, its
time in seconds since the epoch or as a clock.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from memlab.observe.pasted.chosen import choose
from memlab.observe.pasted.taken import Taken, series_of
from memlab.observe.pasted.text import ELISION, Days, clock, grain, has_12_hours, sized
from memlab.units import KIB, counted, format_bytes, format_seconds

_NUMBER = r"\d+(?:[.,]\d+)?"
_LINE = re.compile(
    r"^\s*(?P<time>\d{9,11}|\d{1,2}:\d\d:\d\d(?:\s*[AP]M)?)\s+"
    rf"(?:(?P<uid>\d+)\s+)?(?P<pid>\d+)\s+(?P<minflt>{_NUMBER})\s+(?P<majflt>{_NUMBER})\s+"
    rf"(?P<vsz>\d+)\s+(?P<rss>\d+)\s+(?P<share>{_NUMBER})\s+(?P<comm>\S.*)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reading:
    """One line: seconds, bytes."""

    seconds: float
    vsz: int
    rss: int


class _Row(NamedTuple):
    """A line as it was printed: sizes in bytes, and what --human rounded VSZ and RSS to."""

    time: str
    pid: int
    command: str
    vsz: int
    rss: int
    grain: tuple[float, float] = (0.0, 0.0)


# what stands before the columns: the time, or in a header of -h its name
_TIME = re.compile(
    r"^\s*(?:#\s*)?(?P<time>Time|\d{9,11}|\d{1,2}:\d\d:\d\d(?:\s*[AP]M)?)\s+(?P<rest>.*)$",
    re.IGNORECASE,
)
_NEEDED = {"PID", "VSZ", "RSS"}


def looks_like(lines: list[str]) -> bool:
    """Whether a line of it has the columns of `pidstat -r`."""
    return any(True for _ in _rows(lines))


def _rows(lines: list[str]) -> Iterator[_Row]:
    """Each line; -u -d -h print more columns, --human suffixes."""
    columns = [""][:0]
    for line in lines:
        timed = _TIME.match(line)
        words = timed["rest"].split() if timed else []
        if "PID" in words:
            columns = words if set(words) >= _NEEDED else []
        elif found := _LINE.match(line):
            vsz, rss = (int(found[name]) * KIB for name in ("vsz", "rss"))
            yield _Row(found["time"], int(found["pid"]), found["comm"], vsz, rss)
        elif timed and columns and len(words) >= len(columns):
            cells = dict(zip(columns, words, strict=False))
            command = " ".join(words[len(columns) - 1 :])
            try:
                yield _Row(
                    timed["time"],
                    int(cells["PID"]),
                    command,
                    _size(cells["VSZ"]),
                    _size(cells["RSS"]),
                    (grain(cells["VSZ"]), grain(cells["RSS"])),
                )
            except ValueError:
                continue  # a line of something else


def _size(cell: str) -> int:
    """Bytes; without a suffix it is kB."""
    return int(sized(cell) * (KIB if cell.isdigit() else 1))


def _grain(lines: list[str], chosen: tuple[int, str]) -> Iterator[str]:
    """--human rounds: to how much, of VSZ and RSS."""
    rounded = [
        row.grain for row in _rows(lines) if (row.pid, row.command) == chosen and any(row.grain)
    ]
    if rounded:
        vsz, rss = (max(grains) for grains in zip(*rounded, strict=True))
        yield (
            f"sizes are rounded (--human): VSZ to {format_bytes(vsz)}, RSS to {format_bytes(rss)}; less growth does not"
            " show, and steps are known no better; without --human they are exact to the kB"
        )


def _settled(readings: list[Reading]) -> int:
    """How many readings at the beginning are left out: those before a first rise that is unlike all others.

    A log begins anywhere: while a program loads, or with an interval that is shorter than the others. Four equal
    rises after it are a habit; they count from where they begin.
    """
    rises = [(n, b.vsz - a.vsz) for n, (a, b) in enumerate(pairwise(readings), 1) if b.vsz != a.vsz]
    sizes = [size for _, size in rises]
    odd = len(sizes) > 4 and len(set(sizes[1:])) == 1 and sizes[0] != sizes[1] > 0
    return rises[0][0] if odd and sizes[0] % sizes[1] else 0


def read(lines: list[str], pid: int | None = None) -> Taken:
    """The process with this pid; else the one whose address space and memory grew most."""
    found = _processes(lines)
    looks = max(map(len, found.values()))
    growths = {key: _growth(of) if looks > 1 else of[-1].rss for key, of in found.items()}
    chosen, why = choose(growths, pid, looks)
    readings = found[chosen]
    left_out = _settled(readings)
    readings = readings[left_out:]
    elided = sum(bool(ELISION.match(line)) for line in lines)
    over = format_seconds(readings[-1].seconds - readings[0].seconds)
    hours = "12" if has_12_hours(lines) else "24"
    what = f"pidstat -r log, {hours}-hour clock: {counted(len(readings), 'reading')}"
    what += f" of {chosen[1]} (pid {chosen[0]}) over {over}"
    if elided:
        what += f", {elided} gaps marked in it"
    what += why
    cannot = ["pidstat shows two sums: which mapping grew is in smaps", *_grain(lines, chosen)]
    if left_out:
        cannot.append(
            f"what came before is left out ({counted(left_out, 'reading')}): the first rise is unlike those after it,"
            " which are all equal"
        )
    times = [reading.seconds for reading in readings]
    source = "pidstat -r"
    return Taken(
        what,
        *chosen,
        {
            "stat.vsize": series_of(
                "stat.vsize", times, [r.vsz for r in readings], f"{source} VSZ"
            ),
            "stat.rss": series_of("stat.rss", times, [r.rss for r in readings], f"{source} RSS"),
        },
        cannot=tuple(cannot),
        pids=frozenset(key[0] for key in found),
    )


def _processes(lines: list[str]) -> dict[tuple[int, str], list[Reading]]:
    """(pid, comm) -> readings in their order."""
    days: dict[int, Days] = defaultdict(Days)
    found: dict[tuple[int, str], list[Reading]] = defaultdict(list)
    for time, pid, command, vsz, rss, _ in _rows(lines):
        since_midnight = clock(time)
        seconds = float(time) if since_midnight is None else days[pid].seconds(since_midnight)
        found[pid, command].append(Reading(seconds, vsz, rss))
    return found


def _growth(readings: list[Reading]) -> int:
    first, last = readings[0], readings[-1]
    return (last.vsz - first.vsz) + (last.rss - first.rss)
