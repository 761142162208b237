"""`ps aux`, `ps -o pid,vsz,rss,…` (procps-ng, ps/output.c) and `smem`: a table of processes, once or again and again.

Columns are found by their header. One of them may hold blanks (COMMAND, CMD, ARGS, Command): those before it are
counted from the left, those behind it from the right. ps prints KiB, smem KiB or with -k a suffix.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from memlab.errors import Refused
from memlab.observe.pasted.chosen import Process, choose
from memlab.observe.pasted.looks import Look, clocked, once, words
from memlab.observe.pasted.taken import Taken, series_of
from memlab.observe.pasted.text import Days, clock, sized
from memlab.units import KIB

_SMEM_WIDTH = 27  # of its commands, which are cut there
_TEXT = {"COMMAND", "CMD", "ARGS", "Command"}
_SIZES = {"RSS": "stat.rss", "RSZ": "stat.rss", "VSZ": "stat.vsize"}


@dataclass
class _Table:
    """One look: what each process has, in bytes by series."""

    seconds: float | None
    rows: dict[Process, dict[str, float]] = field(default_factory=dict)


def looks_like(lines: list[str]) -> bool:
    """A header with PID and the name of a size or of a command, and a line of a process below it."""
    return any(_is_header(line.split()) for line in lines) and bool(_tables(lines)[0])


def _is_header(columns: list[str]) -> bool:
    return "PID" in columns and bool(set(columns) & (_TEXT | set(_SIZES)))


def read(lines: list[str], pid: int | None = None) -> Taken:
    """The process with this pid; else the one that grew most, or is largest where there is one table.

    Raises Refused for a table without sizes, as `ps -ef` prints it.
    """
    tables, tool, names = _tables(lines)
    if not names:
        raise Refused(f"this {tool} has no sizes", "ps -eo pid,vsz,rss,args has them")
    growths = {key: _growth(tables, key) for table in tables for key in table.rows}
    chosen, why = choose(growths, pid, len(tables))
    there = [table for table in tables if chosen in table.rows]
    times, timed = clocked([Look(table.seconds) for table in there])
    series = {
        name: series_of(
            name, times, [table.rows[chosen][name] for table in there], f"{tool} {column}"
        )
        for column, name in names.items()
    }
    seen = words(len(there), [table.seconds for table in there])
    return Taken(
        f"{tool}: {seen} at {chosen[1]} (pid {chosen[0]}){why}".replace("known at", "known, at"),
        chosen[0],
        None if chosen[1].endswith("+") else chosen[1],
        series,
        cannot=(f"{tool} shows sums: which mapping grew is in smaps", *once(len(there))),
        pids=frozenset(key[0] for key in growths),
        timed=timed,
    )


def _growth(tables: list[_Table], key: Process) -> float:
    of = [sum(table.rows[key].values()) for table in tables if key in table.rows]
    return of[-1] - (of[0] if len(tables) > 1 else 0.0)


def _tables(lines: list[str]) -> tuple[list[_Table], str, dict[str, str]]:
    """The looks; a new one begins at each header, and where a process comes again. The tool, and its sizes."""
    tables: list[_Table] = []
    columns, names = [""][:0], dict[str, str]()
    days, seconds, tool = Days(), None, "ps"
    begins = True
    for line in lines:
        cells = line.split()
        if _is_header(cells):
            columns, begins = cells, True
            names = {column: _SIZES[column] for column in columns if column in _SIZES}
            tool = "smem" if "Command" in columns else "ps"
        elif columns and (found := _row(cells, columns, names)) is not None:
            if begins or not tables or found[0] in tables[-1].rows:
                tables.append(_Table(seconds))
                begins, seconds = False, None
            tables[-1].rows[found[0]] = found[1]
        elif (at := clock(line)) is not None:
            seconds = days.seconds(at)
    return tables, tool, names


def _row(
    cells: list[str], columns: list[str], names: dict[str, str]
) -> tuple[Process, dict[str, float]] | None:
    """Whose line it is, and its sizes in bytes; None for a line of something else."""
    cells = _one_date(cells, columns)
    if len(cells) < len(columns):
        return None
    blank = next((n for n, column in enumerate(columns) if column in _TEXT), len(columns) - 1)
    behind = len(columns) - 1 - blank
    by_column = dict(zip(columns[:blank], cells, strict=False))
    by_column |= dict(zip(columns[blank + 1 :], cells[len(cells) - behind :], strict=True))
    text = cells[blank : len(cells) - behind]
    if columns[blank] not in _TEXT:
        by_column[columns[blank]] = text[0]
    try:
        pid = int(by_column["PID"])
        return (pid, _name(text) if columns[blank] in _TEXT else "?"), {
            name: sized(by_column[column]) * (KIB if by_column[column].isdigit() else 1)
            for column, name in names.items()
        }
    except ValueError:
        return None


def _one_date(cells: list[str], columns: list[str]) -> list[str]:
    """The five words of `ps -o lstart` (Thu Nov 26 17:00:00 2026) as one, where they stand before the command."""
    at = columns.index("STARTED") if "STARTED" in columns else len(cells)
    if len(cells) < at + 5 or len(cells[at]) != 3 or not cells[at].isalpha():
        return cells
    return [*cells[:at], " ".join(cells[at : at + 5]), *cells[at + 5 :]]


def _name(text: list[str]) -> str:
    """The program: of a command line its first word without folders; kernel threads stand in brackets."""
    first = text[0]
    if len(text) == 1 and len(first) == _SMEM_WIDTH:
        return f"{first}+"  # it goes on, and where its last folder ends nobody knows
    return first if first.startswith("[") else first.rpartition("/")[2].rstrip(":") or first
