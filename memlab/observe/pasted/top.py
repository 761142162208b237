"""`top -b` (procps-ng, top.c): after a line "top - CLOCK up …" a table with VIRT, RES, SHR in KiB or with a suffix."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from memlab.observe.pasted.chosen import choose
from memlab.observe.pasted.taken import Taken, series_of
from memlab.observe.pasted.text import Days, clock, sized
from memlab.units import KIB, counted, format_seconds

_NEEDED = {"PID", "VIRT", "RES", "COMMAND"}


@dataclass
class _Process:
    times: list[float] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)
    residents: list[float] = field(default_factory=list)
    rounded: bool = False

    @property
    def growth(self) -> float:
        """Of address space and memory, in bytes."""
        return self.sizes[-1] - self.sizes[0] + self.residents[-1] - self.residents[0]


def looks_like(lines: list[str]) -> bool:
    """A header with these columns."""
    return any(set(line.split()) >= _NEEDED for line in lines)


def read(lines: list[str], pid: int | None = None) -> Taken:
    """The process with this pid; else the one that grew most, or is largest where there is one table."""
    found, tables = _processes(lines)
    growths = {key: of.growth if tables > 1 else of.residents[-1] for key, of in found.items()}
    chosen, why = choose(growths, pid, tables)
    one = found[chosen]
    over = format_seconds(one.times[-1] - one.times[0])
    what = f"top -b: {counted(tables, 'table')} over {over}, {chosen[1]} (pid {chosen[0]}) in {len(one.times)} of them"
    what += why
    cannot = ["top shows two sums: which mapping grew is in smaps"]
    if one.rounded:
        cannot.append("large sizes are rounded to a tenth of their unit: smaller growth is hidden")
    if len(one.times) < 2:
        cannot.append("one table shows no growth: top -b -n 20 -d 60 takes twenty")
    series = {
        "stat.vsize": series_of("stat.vsize", one.times, one.sizes, "top VIRT"),
        "stat.rss": series_of("stat.rss", one.times, one.residents, "top RES"),
    }
    return Taken(
        what, *chosen, series, cannot=tuple(cannot), pids=frozenset(key[0] for key in found)
    )


def _processes(lines: list[str]) -> tuple[dict[tuple[int, str], _Process], int]:
    """(pid, command) -> what its lines say, and how many tables there are."""
    found: dict[tuple[int, str], _Process] = defaultdict(_Process)
    days, seconds, tables, columns = Days(), 0.0, 0, [""][:0]
    for line in lines:
        words = line.split()
        if line.lstrip().startswith("top - "):
            at = clock(line)
            seconds = seconds + 3.0 if at is None else days.seconds(at)  # top's usual delay
        elif set(words) >= _NEEDED:
            columns, tables = words, tables + 1
        elif columns and len(words) >= len(columns):
            _take(found, columns, words, seconds)
    return found, tables


def _take(
    found: dict[tuple[int, str], _Process], columns: list[str], words: list[str], seconds: float
) -> None:
    cells = dict(zip(columns, words, strict=False))
    try:
        pid, sizes = int(cells["PID"]), [_bytes(cells[name]) for name in ("VIRT", "RES")]
    except ValueError:
        return  # a line of something else
    one = found[pid, " ".join(words[columns.index("COMMAND") :])]
    one.times.append(seconds)
    one.sizes.append(sizes[0])
    one.residents.append(sizes[1])
    one.rounded |= not cells["VIRT"].isdigit()


def _bytes(cell: str) -> float:
    """KiB without a suffix; with one it is that unit."""
    return sized(cell) * (KIB if cell.isdigit() else 1)
