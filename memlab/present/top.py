"""top's memory columns as a table, each over the /proc field that it comes from; in kB."""

from __future__ import annotations

from memlab.model.top import FIELDS, Row, Top
from memlab.units import KIB

_WIDTHS = {name: max(len(field), 7) + 2 for name, (_, field) in FIELDS.items()}


def top_text(found: Top) -> str:
    """The rows under their columns, files and fields; what is not shown, and what not to believe."""
    heads = zip(*((name, *field) for name, field in FIELDS.items()), strict=True)
    names, files, fields = ("".join(map(str.rjust, head, _WIDTHS.values())) for head in heads)
    lines = [f"{'PID':>8}{names}  COMMAND", f"{'/proc/…/':>8}{files}", f"{'':>8}{fields}"]
    lines += [_line(one, found.mem_total) for one in found.rows]
    if found.others:
        lines.append(f"and {found.others} more with less; --top N lists more")
    lines.append("")
    lines.append("sizes in kB; CODE and DATA are address space, touched or not")
    lines.append(
        "nDRT, the dirty pages of statm, has been 0 since Linux 2.6: look at Private_Dirty in smaps"
    )
    return "\n".join(lines)


def _line(one: Row, mem_total: int) -> str:
    swap, used = ("-" if size is None else size // KIB for size in (one.swap, one.used))
    cells = {
        "VIRT": one.virt // KIB, "RES": one.res // KIB, "CODE": one.code // KIB,
        "DATA": one.data // KIB, "SHR": one.shr // KIB, "nMaj": one.major_faults,
        "nDRT": one.dt // KIB, "SWAP": swap, "USED": used,
        "%MEM": f"{100 * one.res / mem_total:.1f}",
    }  # fmt: skip
    row = "".join(str(cell).rjust(_WIDTHS[name]) for name, cell in cells.items())
    return f"{one.pid:>8}{row}  {one.comm}"
