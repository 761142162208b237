"""The table of tasks in an OOM report: its columns differ from kernel to kernel (dump_tasks, mm/oom_kill.c)."""

from __future__ import annotations

import re

from memlab.procfs.oom.records import COLUMNS, Row

_HEADING = re.compile(r"\[ *pid *\] +uid +tgid +total_vm +rss +((?:\w+ +)*)name")
_ROW = re.compile(r"\[ *(\d{1,10})\] +((?:-?\d{1,18} +)+)(.*)")
_FIRST = ("uid", "tgid", "total_vm", "rss")
_BYTES = (*_FIRST, "pgtables_bytes", "swapents", "oom_score_adj")
_COUNTS = (*_FIRST, "nr_ptes", "swapents", "oom_score_adj")
# by how many numbers stand in a row, where the heading is cut off
_GUESSES = {
    6: (*_FIRST, "cpu", "oom_adj"),
    8: (*_FIRST, "nr_ptes", "nr_pmds", "swapents", "oom_score_adj"),
    9: (*_FIRST, "nr_ptes", "nr_pmds", "nr_puds", "swapents", "oom_score_adj"),
    10: (
        *_FIRST, "rss_anon", "rss_file", "rss_shmem", "pgtables_bytes", "swapents", "oom_score_adj",
    ),
}  # fmt: skip


def heading(line: str) -> tuple[str, ...] | None:
    """The names of the columns between pid and name."""
    found = _HEADING.search(line)
    return (*_FIRST, *found[1].split()) if found else None


def row(line: str, columns: tuple[str, ...] | None) -> Row | None:
    """One task; without the columns they are guessed. None for what is no row, or a torn one."""
    found = _ROW.search(line.rstrip() + " ")
    if found is None:
        return None
    cells, name = found[2].split(), found[3].rstrip()
    if columns is None:
        columns = _guess(cells)
    if len(cells) < len(columns):
        return None
    # a comm may begin with numbers: they are behind the last column
    name = " ".join([*cells[len(columns) :], name]).strip()
    known = {key: int(cell) for key, cell in zip(columns, cells, strict=False) if key in COLUMNS}
    return Row(int(found[1]), name, **known)


def _guess(cells: list[str]) -> tuple[str, ...]:
    if len(cells) in _GUESSES:
        return _GUESSES[len(cells)]
    tables = int(cells[4]) if len(cells) > 4 else 0
    # page tables in bytes are whole pages; nobody has thousands of them counted in just such numbers
    return _BYTES if tables >= 4096 and tables % 4096 == 0 else _COUNTS


def cells(row: Row) -> dict[str, int]:
    """What the row has, by column."""
    values = ((key, getattr(row, key)) for key in COLUMNS)
    return {key: value for key, value in values if value is not None}
