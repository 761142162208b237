"""`free` (procps-ng, free.c), once or with -s: a row "Mem:" below a header, in KiB, or in another unit by option."""

from __future__ import annotations

from memlab.observe.pasted.looks import Look, clocked, words
from memlab.observe.pasted.taken import Taken, series_of
from memlab.observe.pasted.text import Days, clock, sized
from memlab.units import KIB, MIB

# a machine has more than 1,000,000 KiB (954 MiB), and less than 1,000,000 MiB (0.95 TiB)
_FEWEST_KIB = 1_000_000
_FIELDS = {
    "free": "meminfo.mem_free",
    "shared": "meminfo.shmem",
    "available": "meminfo.mem_available",
}


def looks_like(lines: list[str]) -> bool:
    """The header, and the row below it."""
    return any({"total", "used", "free"} <= set(line.split()) for line in lines) and any(
        line.strip().startswith("Mem:") for line in lines
    )


def read(lines: list[str]) -> Taken:
    """The machine's memory, as often as it was printed; without clocks at times that are not known."""
    parts: list[str]
    columns: list[str] = []
    days, seconds = Days(), None
    clocks: list[float | None] = []
    rows: list[dict[str, float]] = []
    unit = KIB
    for line in lines:
        parts = line.split()
        if {"total", "used", "free"} <= set(parts):
            columns = parts
        elif line.strip().startswith("Mem:") and columns:
            cells = dict(zip(columns, parts[1:], strict=False))
            unit = _unit(cells["total"])
            rows.append(
                {
                    name: sized(cell) * (unit if cell.isdigit() else 1)
                    for name, cell in cells.items()
                }
            )
            clocks.append(seconds)
            seconds = None
        elif (at := clock(line)) is not None:
            seconds = days.seconds(at)
    times, timed = clocked([Look(at) for at in clocks])
    series = {
        field: series_of(field, times, [row[name] for row in rows], f"free {name}")
        for name, field in _FIELDS.items()
        if all(name in row for row in rows)
    }
    counted = "MiB" if unit == MIB else "KiB or with suffixes"
    seen = words(len(rows), [*times] if timed else [None] * len(rows))
    return Taken(
        f"free, in {counted}: {seen}",
        series=series,
        cannot=("free is the whole machine's: it names no process and no file",),
        of_machine=True,
        timed=timed,
    )


def _unit(total: str) -> int:
    return MIB if total.isdigit() and int(total) < _FEWEST_KIB else KIB
