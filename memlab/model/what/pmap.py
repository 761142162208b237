"""pmap in its three forms: plain, -x, and -X or -XX."""

from __future__ import annotations

import itertools
import re

from memlab.model.what.glossary import field, glossary, meaning
from memlab.model.what.mapping_rules import sum_remarks
from memlab.model.what.types import Field, Item, Remark, normal, note
from memlab.model.what.values import both, kilobytes
from memlab.units import KIB

_X = re.compile(
    r" *([0-9a-f]{8,16}) +(\d{1,18}) +(\d{1,18}|-) +(\d{1,18}|-) +([r-][w-][x-][s-][R-]?) +(.*)"
)
_PLAIN = re.compile(r" *([0-9a-f]{8,16}) +(\d{1,18})K +([r-][w-][x-][s-][R-]?) +(.*)")
_TOTAL = re.compile(
    r" *total(?: kB)? +(\d{1,18})K?(?: +(\d{1,18}|-))?(?: +(\d{1,18}|-))?(?: +\d+)?"
)
_NAMES = ("Address", "Kbytes", "RSS", "Dirty", "Mode", "Mapping")
Row = tuple[int, int, int | None, int | None, str, str]


def _row(line: str) -> Row | None:
    if match := _X.fullmatch(line):
        address, size, rss, dirty, mode, name = match.groups()
        return int(address, 16), int(size), _number(rss), _number(dirty), mode, name
    if match := _PLAIN.fullmatch(line):
        return int(match[1], 16), int(match[2]), None, None, match[3], match[4]
    return None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def read_pmap(lines: list[str], at: int) -> tuple[Item, int] | None:
    """Plain pmap and pmap -x."""
    after = at + (lines[at].split()[:2] == ["Address", "Kbytes"])
    headed = after > at
    rows: list[Row] = []
    total: list[int | None] | None = None
    while after < len(lines):
        if row := _row(lines[after]):
            rows.append(row)
        elif match := _TOTAL.fullmatch(lines[after]):
            total = [_number(text) for text in match.groups()]
        elif lines[after].strip(" -.="):
            break
        after += 1
    if not rows and not headed and total is None:
        return None
    return _pmap(rows, total), after


def _pmap(rows: list[Row], total: list[int | None] | None) -> Item:
    shown = max(rows, key=lambda row: (row[2] or 0, row[1])) if rows else None
    cells = ["", "", "", "", "", ""]
    if shown:
        cells = [f"{shown[0]:x}", *("" if n is None else str(n) for n in shown[1:4]), *shown[4:]]
    fields = [field("pmap", name, cell) for name, cell in zip(_NAMES, cells, strict=True)]
    if total is not None:
        texts = [
            f"{n:,} kB {name}"
            for n, name in zip(total, ("mapped", "resident", "dirty"), strict=True)
            if n is not None
        ]
        fields.append(field("pmap", "total", ", ".join(texts), unit="text"))
    title = f"{len(rows)} mapping{'s' * (len(rows) != 1)} of one process, by pmap"
    remarks = [note("values above: the mapping that takes most")] if len(rows) > 1 else []
    resident = total[1] if total else None
    return Item(title, tuple(fields), tuple(remarks + _remarks(rows)), resident and resident * KIB)


def _remarks(rows: list[Row]) -> list[Remark]:
    remarks = []
    stacks = 0
    for row, other in itertools.pairwise(rows):
        touching = row[0] + row[1] * KIB == other[0]
        if (
            touching
            and row[4][:3] == "---"
            and row[1] <= 64
            and other[4][:2] == "rw"
            and "anon" in other[5]
        ):
            stacks += 1
            if stacks == 1:
                remarks.append(
                    note(
                        f"{row[1]} kB ----- below {other[1]:,} kB rw---: a thread's stack above its guard"
                    )
                )
    if stacks > 1:
        remarks.append(note(f"{stacks} such pairs: as many thread stacks"))
    dirty = [row for row in rows if row[3] and "anon" in row[5]]
    if dirty:
        most = max(dirty, key=lambda row: row[3] or 0)
        remarks.append(
            note(f"the most written anonymous memory: {both((most[3] or 0) * KIB)} at {most[0]:x}")
        )
    if any(row[4][:3] == "---" and row[1] > 64 for row in rows):
        remarks.append(
            normal(
                "----- of more than a few pages: address space between a library's parts, or kept for "
                "later; no memory"
            )
        )
    if any(row[4][:2] == "rw" and row[2] == 0 for row in rows):
        untouched = sum(row[1] for row in rows if row[4][:2] == "rw" and row[2] == 0)
        remarks.append(
            normal(
                f"{kilobytes(untouched * KIB)} may be written and never were: address space only"
            )
        )
    return remarks


def read_extended(lines: list[str], at: int) -> tuple[Item, int] | None:
    """pmap -X and -XX: the columns are the fields of smaps."""
    columns = lines[at].split()
    if columns[:2] != ["Address", "Perm"] or "Mapping" not in columns:
        return None
    numeric = [
        n for n, name in enumerate(columns) if name in glossary()["smaps"] and name != "VmFlags"
    ]
    before = columns.index("VmFlags") if "VmFlags" in columns else columns.index("Mapping")
    sums: dict[str, int] = {columns[n]: 0 for n in numeric}
    count, after = 0, at + 1
    while after < len(lines):
        cells = lines[after].split()
        if (
            len(cells) >= before
            and re.fullmatch(r"[0-9a-f]{6,16}", cells[0])
            and all(cells[n].isdecimal() and len(cells[n]) < 19 for n in numeric)
        ):
            count += 1
            for n in numeric:
                sums[columns[n]] += int(cells[n])
        elif not re.fullmatch(r"[ =]*|[ \d]+(?:KB|kB)?", lines[after].strip()):
            break
        after += 1
    fields: list[Field] = []
    for name in columns:
        file = "pmap" if meaning("pmap", name) else "smaps"
        summed = name in sums and name not in (
            "KernelPageSize",
            "MMUPageSize",
            "THPeligible",
            "ProtectionKey",
        )
        fields.append(field(file, name, f"{sums[name]} kB" if summed and count else ""))
    sizes = {name: number * KIB for name, number in sums.items()}
    remarks = [note("values above: sums over these rows"), *sum_remarks(sizes)] if count else []
    title = f"{count} mapping{'s' * (count != 1)} of one process, by pmap -X (smaps in columns)"
    return Item(title, tuple(fields), tuple(remarks), sizes.get("Rss") if count else None), after


READERS = (read_pmap, read_extended)
