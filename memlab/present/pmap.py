"""Mappings as a table with the columns and totals of `pmap -x`, in kB."""

from __future__ import annotations

from memlab.model.pmap import NOT_SUMMED, Pmap
from memlab.units import KIB


def pmap_text(found: Pmap) -> str:
    """Address, Kbytes, RSS, Dirty, Mode as pmap; then the memory type, the kind and the name."""
    kinds = max((len(line.kind.label) for line in found.lines), default=4)
    rows = [
        f"{found.pid}:   {found.comm}",
        f"{'Address':<16} {'Kbytes':>8} {'RSS':>7} {'Dirty':>7} Mode  {'Type':<17} {'Kind':<{kinds}} Mapping",
    ]
    rows += [
        f"{line.start:016x} {line.size // KIB:>8} {line.rss // KIB:>7} {line.dirty // KIB:>7} "
        f"{line.mode} {line.type.label:<17} {line.kind.label:<{kinds}} {line.name}".rstrip()
        for line in found.lines
    ]
    total = found.total
    sums = (total.get("Size", 0), total.get("Rss", 0), total["Dirty"])
    rows.append(f"{'-' * 16} {'-' * 8} {'-' * 7} {'-' * 7}")
    rows.append(
        f"{'total kB':<16} " + f"{sums[0] // KIB:>8} {sums[1] // KIB:>7} {sums[2] // KIB:>7}"
    )
    return "\n".join(rows)


def pmap_full_text(found: Pmap) -> str:
    """Every number that this kernel's smaps has, a column each, as `pmap -XX`."""
    names = list(found.lines[0].columns) if found.lines else []
    widths = {name: max(len(name), 8) for name in names}
    rows = [
        f"{'Address':>16} Mode  "
        + " ".join(name.rjust(widths[name]) for name in names)
        + " Kind, mapping"
    ]
    for line in found.lines:
        cells = " ".join(_cell(name, line.columns[name]).rjust(widths[name]) for name in names)
        rows.append(f"{line.start:016x} {line.mode} {cells} {line.kind.label} {line.name}".rstrip())
    total = found.total
    cells = " ".join(
        (_cell(name, total[name]) if name in total else "").rjust(widths[name]) for name in names
    )
    rows.append(f"{'total kB':<22} {cells}")
    return "\n".join(rows)


def _cell(name: str, value: int) -> str:
    return str(value if name in NOT_SUMMED and not name.endswith("Size") else value // KIB)
