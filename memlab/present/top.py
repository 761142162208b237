"""top's memory columns as a table, each over the /proc field that it comes from; in kB."""

from __future__ import annotations

from memlab.model.top import FIELDS, Row, Top
from memlab.units import KIB

_LEAST = 7  # digits


def top_text(found: Top) -> str:
    """The rows under their columns, files and fields; what is not shown, and what not to believe."""
    cells = [_cells(one, found.mem_total) for one in found.rows]
    widths = {
        name: max(_LEAST, len(name), len(field), *(len(row[name]) for row in cells), 0) + 2
        for name, (_, field) in FIELDS.items()
    }
    heads = zip(*((name, *field) for name, field in FIELDS.items()), strict=True)
    names, files, fields = ("".join(map(str.rjust, head, widths.values())) for head in heads)
    lines = [f"{'PID':>8}{names}  COMMAND", f"{'/proc/…/':>8}{files}", f"{'':>8}{fields}"]
    for one, row in zip(found.rows, cells, strict=True):
        sizes = "".join(row[name].rjust(width) for name, width in widths.items())
        lines.append(f"{one.pid:>8}{sizes}  {one.comm}")
    if found.others:
        lines.append(f"and {found.others} more with less; --top N lists more")
    lines.append("")
    lines.append("sizes in kB; CODE and DATA are address space, touched or not")
    lines.append(
        "nDRT, the dirty pages of statm, has been 0 since Linux 2.6: look at Private_Dirty in smaps"
    )
    return "\n".join(lines)


def _cells(one: Row, mem_total: int) -> dict[str, str]:
    swap, used = ("-" if size is None else str(size // KIB) for size in (one.swap, one.used))
    sizes = {
        "VIRT": one.virt // KIB, "RES": one.res // KIB, "CODE": one.code // KIB,
        "DATA": one.data // KIB, "SHR": one.shr // KIB, "nMaj": one.major_faults,
        "nDRT": one.dt // KIB, "SWAP": swap, "USED": used,
        "%MEM": f"{100 * one.res / mem_total:.1f}",
    }  # fmt: skip
    return {name: str(size) for name, size in sizes.items()}
