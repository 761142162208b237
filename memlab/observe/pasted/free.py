"""`free` (procps-ng, free.c), once or with -s: a row "Mem:" below a header, in KiB, or in another unit by option."""

from __future__ import annotations

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
    """The machine's memory, as often as it was printed; without clocks the looks are counted as seconds."""
    words: list[str]
    columns: list[str] = []
    days, seconds, count = Days(), None, 0
    times: list[float] = []
    rows: list[dict[str, float]] = []
    unit = KIB
    for line in lines:
        words = line.split()
        if {"total", "used", "free"} <= set(words):
            columns = words
        elif line.strip().startswith("Mem:") and columns:
            cells = dict(zip(columns, words[1:], strict=False))
            unit = _unit(cells["total"])
            rows.append(
                {
                    name: sized(cell) * (unit if cell.isdigit() else 1)
                    for name, cell in cells.items()
                }
            )
            times.append(float(count) if seconds is None else seconds)
            count += 1
        elif (at := clock(line)) is not None:
            seconds = days.seconds(at)
    series = {
        field: series_of(field, times, [row[name] for row in rows], f"free {name}")
        for name, field in _FIELDS.items()
        if all(name in row for row in rows)
    }
    counted = "MiB" if unit == MIB else "KiB or with suffixes"
    what = f"free, in {counted}: looks at the machine: {len(rows)}"
    return Taken(
        what,
        series=series,
        cannot=("free is the whole machine's: it names no process and no file",),
    )


def _unit(total: str) -> int:
    return MIB if total.isdigit() and int(total) < _FEWEST_KIB else KIB
