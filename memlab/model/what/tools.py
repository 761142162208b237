"""What pidstat -r, top, ps, smem, free and vmstat print."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from memlab.model.what.glossary import TITLES, field, meaning
from memlab.model.what.machine_rules import free_remarks, vmstat_tool_remarks
from memlab.model.what.process_rules import faults_remark, growth_remarks, row_remarks
from memlab.model.what.types import Field, Item, Remark, normal, note
from memlab.model.what.values import amount
from memlab.units import GIB, KIB, MIB, format_bytes

Row = dict[str, str]
_TIME = re.compile(r"^ *(?:(\d\d:\d\d:\d\d(?: [AP]M)?|\d{10})|([A-Z]\w{4,}:)) +")
_PIDSTAT = ["PID", "minflt/s", "majflt/s", "VSZ", "RSS", "%MEM", "Command"]
_TOP = ["PID", "USER", "PR", "NI", "VIRT", "RES", "SHR", "S", "%CPU", "%MEM", "TIME+", "COMMAND"]
_PS = ["USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"]
_FREE_TEXT = ("Command", "COMMAND", "CMD")  # may hold blanks
_SMEM = ["PID", "User", "Command", "Swap", "USS", "PSS", "RSS"]
_SIZE = r"\d+(?:\.\d+)?[kmgtKMGT]?"
_NUMBER = r"\d+(?:\.\d+)?"


@dataclass(frozen=True)
class Table:
    """A tool's table of processes: the columns without a heading, and what each column may hold."""

    file: str
    columns: tuple[str, ...]
    wanted: frozenset[str]
    virtual: str
    resident: str
    cells: dict[str, str]

    def header(self, line: str) -> list[str] | None:
        """The columns, if this line names them."""
        words = _TIME.sub("", line).lstrip("# ").split()
        words = words[1:] if words[:1] == ["Time"] else words
        return words if self.wanted <= set(words) else None

    def row(self, line: str, columns: Sequence[str]) -> Row | None:
        """The cells of a line, if they can be what the columns say."""
        free = next((at for at, name in enumerate(columns) if name in _FREE_TEXT), len(columns) - 1)
        cells = line.split(None, free)
        if len(cells) > free:  # what stands behind the command is split off from the right
            behind = len(columns) - free - 1
            cells += cells.pop().rsplit(None, behind)
            if behind and len(cells) == len(columns) - 1:
                cells.insert(free, "")  # it has just ended, and left its command blank
        if len(cells) != len(columns):
            return None
        found = dict(zip(columns, cells, strict=True))
        good = all(re.fullmatch(self.cells.get(name, r".*"), cell) for name, cell in found.items())
        return found if good else None


_PID = {
    "PID": r"\d{1,10}",
    "UID": r"\d{1,10}",
    "VSZ": r"\d{1,18}",
    "RSS": r"\d{1,18}",
    "%MEM": _NUMBER,
    "%CPU": _NUMBER,
}
TABLES = (
    Table("pidstat", tuple(_PIDSTAT), frozenset({"PID", "VSZ", "RSS", "minflt/s"}), "VSZ", "RSS",
          _PID | {"minflt/s": r"\d+\.\d+", "majflt/s": r"\d+\.\d+"}),
    Table("top", tuple(_TOP), frozenset({"PID", "VIRT", "RES"}), "VIRT", "RES",
          _PID | {"VIRT": _SIZE, "RES": _SIZE, "SHR": _SIZE, "PR": r"-?\d+|rt", "NI": r"-?\d+", "S": "[A-Za-z]",
           "TIME+": r"[\d:.,hdw]+"}),
    Table("smem", tuple(_SMEM), frozenset({"PID", "USS", "PSS", "RSS"}), "", "RSS",
          {"PID": r"\d{1,10}", "User": r"\?|[A-Za-z_][\w.-]*\$?"}
          | dict.fromkeys(("Swap", "USS", "PSS", "RSS"), _SIZE)),
    Table("ps", tuple(_PS), frozenset({"PID", "RSS"}), "VSZ", "RSS",
          _PID | {"STAT": r"[A-Za-z][\w<+]*", "TIME": r"[\d:-]+", "%MEM": _NUMBER}),
)  # fmt: skip


def read_table(lines: list[str], at: int) -> tuple[Item, int] | None:
    """A heading, or rows that need none; rows of the same tool may stand in several groups."""
    for table in TABLES:
        columns: Sequence[str] | None = table.header(lines[at])
        found: list[Row] = []
        after = at + 1 if columns else at
        while after < len(lines):
            line = lines[after]
            heading = table.header(line)
            if (heading == columns and heading) or not line.strip(" ."):
                after += 1
                continue
            row = _row(table, line, columns)
            if row is None:
                break
            found.append(row)
            after += 1
        if columns or found:
            return _table(
                table, columns or [name for name in found[0] if name != "time"], found
            ), after
    return None


def _row(table: Table, line: str, columns: Sequence[str] | None) -> Row | None:
    time = _TIME.match(line) if table.file == "pidstat" else None
    rest = line[time.end() :] if time else line
    for tried in [columns] if columns else [table.columns, ("UID", *table.columns)]:
        row = table.row(rest, tried)
        if row is not None and (columns or table.file == "pidstat" or tried == table.columns):
            return ({"time": time[1] or time[2]} if time else {}) | row
    return None


def _table(table: Table, columns: Sequence[str], rows: list[Row]) -> Item:
    by_pid: dict[str, list[Row]] = {}
    for row in rows:
        if not row.get("time", "").endswith(":"):  # the average repeats what is above
            by_pid.setdefault(row.get("PID", ""), []).append(row)
    if not by_pid and rows:
        by_pid[rows[0].get("PID", "")] = rows[:1]
    groups = sorted(by_pid.values(), key=lambda group: -_bytes(group[-1], table.resident))
    shown = groups[0] if groups else []
    names = [*(["time"] if shown and "time" in shown[0] else []), *columns]
    fields = tuple(field(table.file, name, *_cell(table, name, shown)) for name in names)
    title = (
        f"the heading of {TITLES[table.file]}"
        if not rows
        else f"{len(rows)} row{'s' * (len(rows) > 1)} of {TITLES[table.file]}"
    )
    remarks = list(_table_remarks(table, groups))
    if len(groups) > 1:
        remarks.insert(
            0, note(f"values above: process {shown[0].get('PID')}, the largest of {len(groups)}")
        )
    return Item(
        title, fields, tuple(remarks), int(_bytes(shown[-1], table.resident)) if shown else None
    )


def _cell(table: Table, name: str, rows: Sequence[Row]) -> tuple[str, str, str]:
    """Value, label and unit of a cell; first and last where it changed over time."""
    if not rows:
        return "", "", ""
    first, last = rows[0].get(name, ""), rows[-1].get(name, "")
    unit = found.unit if (found := meaning(table.file, name)) else "text"
    if first == last:
        return last, "", unit
    if unit in ("kB", "KiB") and first.isdecimal() and last.isdecimal():
        return f"{int(first):,} … {int(last):,} kB", "", "text"
    return f"{first} … {last}", "", "text"


def _bytes(row: Row, name: str) -> float:
    return amount(row.get(name, ""), KIB) or 0.0


def _table_remarks(table: Table, groups: Sequence[Sequence[Row]]) -> Iterator[Remark]:
    for group in groups[:5]:
        row = group[-1]
        who = f"process {row.get('PID', '?')}"
        if "majflt/s" in row:
            yield faults_remark(max(float(each["majflt/s"]) for each in group))
        if len(group) > 1 and table.virtual in row:
            sizes = [
                [int(_bytes(each, name)) for each in group]
                for name in (table.virtual, table.resident)
            ]
            yield from growth_remarks(who, sizes[0], sizes[1])
    if groups:
        row = groups[0][-1]
        share = amount(row.get("%MEM", ""), 1)
        virtual = _bytes(row, table.virtual) if table.virtual in row else None
        yield from row_remarks(virtual, _bytes(row, table.resident), share)
        if "nDRT" in row:
            yield normal(
                "nDRT is always 0 since Linux 2.6: it says nothing about dirty memory, Private_Dirty in smaps does"
            )


_TOP_LINES = (
    (re.compile(r" ?top - .*load average: .*"), ("load average",)),
    (re.compile(r" ?(?:Tasks|Threads): *\d+ total.*"), ("Tasks",)),
    (re.compile(r" ?%?Cpu.*: *[\d.]+ ?%?us.*"), ("%Cpu(s)",)),
)
_TOP_MEMORY = re.compile(r" ?([KMGT]i?B)? ?(Mem|Swap) ?: +.*\btotal\b.*")
_TOP_PART = re.compile(
    r"(\d+(?:\.\d+)?)[+ ]*k? ?(total|free|used|buff/cache|avail Mem|buffers|cached)"
)


def read_top_head(lines: list[str], at: int) -> tuple[Item, int] | None:
    """The summary lines above top's table, one at a time."""
    line = lines[at]
    for shape, (name, *_) in _TOP_LINES:
        if shape.fullmatch(line):
            return Item(f"top's summary: {name}", (field("top head", name, line.strip()),)), at + 1
    match = _TOP_MEMORY.fullmatch(line)
    if match is None:
        return None
    parts = [(name, value) for value, name in _TOP_PART.findall(line)]
    known = [(name, value) for name, value in parts if meaning("top head", name)]
    fields = tuple(
        _of_row(match[2], field("top head", name, f"{value} {match[1] or 'KiB'}"))
        for name, value in known
    )
    numbers = {name: float(value) for name, value in known}
    remarks = free_remarks(
        {
            match[2]: numbers
            | (
                {"available": numbers["avail Mem"]}
                if match[2] == "Mem" and "avail Mem" in numbers
                else {}
            )
        }
    )
    return Item(
        f"top's summary: {match[2].lower()}{'ory' * (match[2] == 'Mem')}", fields, tuple(remarks)
    ), at + 1


def _of_row(row: str, told: Field) -> Field:
    """The half of `memory: …; swap: …` that this row is about; a row of both sums keeps both."""
    memory, swap, of_swap = told.meaning.removeprefix("memory: ").partition("; swap: ")
    if not swap or row in ("Total", "Comm"):
        return told
    return replace(told, meaning=of_swap if row == "Swap" else memory)


_FREE_ROW = re.compile(rf" *(Mem|Swap|Total|Low|High|Comm): +({_SIZE}i?B?(?: +{_SIZE}i?B?)+)")
_FREE_NEW = ["total", "used", "free", "shared", "buff/cache", "available"]
_FREE_WIDE = ["total", "used", "free", "shared", "buffers", "cache", "available"]


def read_free(lines: list[str], at: int) -> tuple[Item, int] | None:
    """`free`, with its heading or without."""
    words = lines[at].split()
    headed = words[:3] == ["total", "used", "free"]
    columns = words if headed else None
    after = at + headed
    rows: dict[str, list[str]] = {}
    while after < len(lines) and (match := _FREE_ROW.fullmatch(lines[after])):
        rows[match[1]] = match[2].split()
        after += 1
    if not headed and (not rows or len(next(iter(rows.values()))) < 3):
        return None
    if not rows:
        fields = tuple(field("free", name, "") for name in words)
        return Item("the heading of free: the machine's memory", fields), after
    return _free(rows, columns, None), after


_FREE_UNITS = {"free -b": 1, "free": KIB, "free -m": MIB, "free -g": GIB}


def _free(rows: dict[str, list[str]], columns: list[str] | None, here_bytes: int | None) -> Item:
    """The rows; plain numbers in the unit that fits the machine best, KiB where it is not known."""
    plain = all(cell.isdecimal() for cells in rows.values() for cell in cells)
    total = int(rows.get("Mem", ["0"])[0]) if plain else 0
    called = _unit_of(total, here_bytes) if here_bytes and total else None
    unit = _FREE_UNITS[called or "free"]
    fields: list[Field] = []
    numbers: dict[str, dict[str, float]] = {}
    for row, cells in rows.items():
        names = columns or (_FREE_WIDE if len(cells) == 7 else _FREE_NEW)
        for name, cell in zip(names, cells, strict=False):
            size = amount(cell, unit) or 0.0
            shown = f"{size // KIB:.0f}" if plain else cell
            told = field("free", name, shown, f"{row} {name}", "KiB" if plain else "text")
            fields.append(_of_row(row, told))
            numbers.setdefault(row, {})[name] = size
    remarks = tuple(free_remarks(numbers))
    if not plain:
        return Item("output of free: the machine's memory", tuple(fields), remarks)
    if called:
        how = f"in the unit of `{called}`, by this machine's MemTotal"
        return Item(f"output of free: the machine's memory ({how})", tuple(fields), remarks)
    return Item(
        "output of free: the machine's memory (plain numbers taken as KiB)",
        tuple(fields),
        (*_unit_remarks(total, here_bytes), *remarks),
        known=partial(_free, rows, columns),
    )


def _unit_of(total: int, here_bytes: int) -> str | None:
    """Which call of free prints this total here; None where none does, up to half of it rounded off."""
    off = {
        called: abs(total * unit - here_bytes) / here_bytes for called, unit in _FREE_UNITS.items()
    }
    called = min(off, key=off.__getitem__)
    return called if off[called] <= 0.5 else None


def _unit_remarks(total: int, here_bytes: int | None) -> Iterator[Remark]:
    if not total:
        return
    sizes = [format_bytes(total * unit) for unit in (KIB, MIB, GIB)]
    yield note(
        f"free names no unit: {total:,} of `free` are {sizes[0]}, of `free -m` {sizes[1]}, of `free -g` {sizes[2]}; "
        + (
            "none of them is this machine's MemTotal"
            if here_bytes
            else "--here tells which, on the same machine"
        )
    )


_VMSTAT = [
    "r",
    "b",
    "swpd",
    "free",
    "buff",
    "cache",
    "si",
    "so",
    "bi",
    "bo",
    "in",
    "cs",
    "us",
    "sy",
    "id",
    "wa",
    "st",
    "gu",
]


def read_vmstat(lines: list[str], at: int) -> tuple[Item, int] | None:
    """`vmstat`, with its two lines of heading or without."""
    after, columns = at, _VMSTAT
    if re.match(r" *procs -+memory", lines[after]) and after + 1 < len(lines):
        after += 1
    words = lines[after].split()
    headed = words[:3] == ["r", "b", "swpd"]
    if headed:
        columns, after = words, after + 1
    rows = []
    while after < len(lines) and re.fullmatch(r" *\d{1,18}(?: +\d{1,18}){14,17} *", lines[after]):
        rows.append(lines[after].split())
        after += 1
    if not headed and (not rows or len(rows[0]) < 17):
        return None
    last = rows[-1] if rows else []
    fields = tuple(
        field("vmstat tool", name, last[n] if n < len(last) else "")
        for n, name in enumerate(columns)
        if n < len(last) or headed
    )
    found = [{name: int(cell) for name, cell in zip(columns, row, strict=False)} for row in rows]
    title = f"output of vmstat: {len(rows)} row{'s' * (len(rows) != 1)}" + (
        ", values of the last" if len(rows) > 1 else ""
    )
    return Item(title, fields, tuple(vmstat_tool_remarks(found))), after


_BANNERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        re.compile(r"Linux (\S+) \((.*)\) .*_(\w+)_\s+\((\d+) CPU\)"),
        lambda m: f"sysstat's first line: kernel {m[1]}, host {m[2]}, {m[4]} processors",
    ),
    (
        re.compile(r" *(\d+): {2,}(\S.*)"),
        lambda m: f"pmap's first line: process {m[1]}, command {m[2]}",
    ),
)


def read_banner(lines: list[str], at: int) -> tuple[Item, int] | None:
    """The lines that only say what follows."""
    for shape, says in _BANNERS:
        if match := shape.fullmatch(lines[at]):
            return Item(says(match), ()), at + 1
    return None


READERS = (read_table, read_top_head, read_free, read_vmstat, read_banner)
