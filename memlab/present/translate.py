"""A translated address, its bits drawn over the levels that read them."""

from __future__ import annotations

from memlab.model.translate import Translation
from memlab.units import KIB, format_bytes


def translate_text(found: Translation) -> str:
    """Bits, mapping, page and frame."""
    where = f"{found.machine}, {found.page_bytes // KIB} KiB pages"
    depth = f"{len(found.levels)} levels of page tables" if found.levels else "page tables unknown"
    mapping, page = found.mapping, found.page
    lines = [f"{found.address:#x} of process {found.pid} ({where}, {depth})", "", *_bits(found), ""]
    lines += [
        f"mapping   {mapping.start:x}-{mapping.end:x} {mapping.perms} {mapping.name or 'anonymous'}",
        f"          {found.memory_type.label}, {found.kind.label}; "
        f"{format_bytes(found.address - mapping.start)} into its {format_bytes(mapping.size)}",
    ]
    if found.file_offset is not None:
        lines.append(f"          {found.file_offset:#x} in the file")
    lines.append(f"page      {page.state}: {page.meaning}")
    if page.pfn is not None:
        lines.append(f"frame     {page.pfn:#x}" + _uses(page.mapped))
        lines.append(
            f"physical  {page.pfn:#x} * {found.page_bytes:#x} + {found.page_offset:#x}"
            f" = {found.physical:#x}"
        )
    if page.flags is not None:
        lines.append("flags     " + (" ".join(sorted(page.flags)) or "none"))
    if page.hidden:
        lines.append(f"hidden    {page.hidden}")
    return "\n".join(lines)


def _uses(mapped: int | None) -> str:
    if mapped is None:
        return ""
    return f", mapped {mapped:,} time{'' if mapped == 1 else 's'} by all processes (kpagecount)"


def _bits(found: Translation) -> list[str]:
    if not found.levels:
        offset = f"offset in page {found.page_offset:#x}, page number {found.address // found.page_bytes:#x}"
        return [f"the page-table layout of {found.machine} is not known here", offset]
    low = found.levels[-1].shift
    columns = [
        (level.name, level.shift, level.bits, level.index(found.address)) for level in found.levels
    ]
    columns.append(("offset", 0, low, found.page_offset))
    rows: list[list[str]] = [[], [], [], []]
    for name, shift, bits, value in columns:
        cells = (f"{shift + bits - 1}..{shift}", f"{value:0{bits}b}", name, f"{value} = {value:#x}")
        width = max(map(len, cells))
        for row, cell in zip(rows, cells, strict=True):
            row.append(cell.ljust(width))
    heads = ("bits", "", "level", "index")
    return [f"{head:<8}" + " | ".join(row).rstrip() for head, row in zip(heads, rows, strict=True)]
