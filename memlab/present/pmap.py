"""Mappings as a table with the columns and totals of `pmap -x`, in kB."""

from __future__ import annotations

from memlab.model.pmap import NOT_SUMMED, Pmap
from memlab.units import KIB

_SIZES = ("Kbytes", "RSS", "Dirty")


def pmap_text(found: Pmap) -> str:
    """Address, Kbytes, RSS, Dirty, Mode as pmap; then the memory type, the kind and the name."""
    kinds = max((len(line.kind.label) for line in found.lines), default=4)
    total = found.total
    sums = (total.get("Size", 0), total.get("Rss", 0), total["Dirty"])
    sizes = [*((line.size, line.rss, line.dirty) for line in found.lines), sums]
    cells = [tuple(str(size // KIB) for size in row) for row in sizes]
    widths = _widths([_SIZES, *cells], (8, 7, 7))
    rows = [
        f"{found.pid}:   {found.comm}",
        f"{'Address':<16} {_right(_SIZES, widths)} Mode  {'Type':<17} {'Kind':<{kinds}} Mapping",
    ]
    rows += [
        f"{line.start:016x} {_right(row, widths)} "
        f"{line.mode} {line.type.label:<17} {line.kind.label:<{kinds}} {line.name}".rstrip()
        for line, row in zip(found.lines, cells, strict=False)
    ]
    rows.append(" ".join("-" * width for width in (16, *widths)))
    rows.append(f"{'total kB':<16} {_right(cells[-1], widths)}")
    return "\n".join(rows)


def _widths(rows: list[tuple[str, ...]], least: tuple[int, ...]) -> list[int]:
    """What is printed anyway, and more where a figure needs it."""
    return [max(least[at], *map(len, column)) for at, column in enumerate(zip(*rows, strict=True))]


def _right(cells: tuple[str, ...], widths: list[int]) -> str:
    return " ".join(map(str.rjust, cells, widths))


def pmap_full_text(found: Pmap) -> str:
    """Every number that this kernel's smaps has, a column each, as `pmap -XX`."""
    names = list(found.lines[0].columns) if found.lines else []
    total = found.total
    sums = tuple(_cell(name, total[name]) if name in total else "" for name in names)
    cells = [tuple(_cell(name, line.columns[name]) for name in names) for line in found.lines]
    widths = _widths([tuple(names), *cells, sums], (8,) * len(names))
    rows = [f"{'Address':>16} Mode  {_right(tuple(names), widths)} Kind, mapping"]
    for line, row in zip(found.lines, cells, strict=True):
        numbers = _right(row, widths)
        rows.append(
            f"{line.start:016x} {line.mode} {numbers} {line.kind.label} {line.name}".rstrip()
        )
    rows.append(f"{'total kB':<22} {_right(sums, widths)}")
    return "\n".join(rows)


def _cell(name: str, value: int) -> str:
    return str(value if name in NOT_SUMMED and not name.endswith("Size") else value // KIB)
