"""Known finders on two leakers, for real; and what their output is held against."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from memlab.lab.finders.finder import Answer, Job, Ran, Record, Says, excerpt, weigh
from memlab.lab.finders.python_tools import Tracemalloc
from memlab.lab.finders.strace import Strace
from memlab.lab.finders.table import FINDERS, cell, page, rows
from memlab.lab.registry import get, leakers


@pytest.mark.live
@pytest.mark.needs("strace", "addr2line", "prlimit")
def test_strace_names_the_line_of_a_mapping(tmp_path: Path) -> None:
    answer = Strace().look(Job(get("anonymous"), "c", tmp_path))
    assert (answer.says, answer.detail) == (Says.SITE, "line")
    assert "mmap(NULL" in answer.excerpt
    assert "anonymous(leak)" in answer.excerpt


@pytest.mark.live
@pytest.mark.needs("prlimit")
@pytest.mark.parametrize(
    ("name", "says"), [("anonymous-objects", Says.SITE), ("memfd-descriptor", Says.SILENT)]
)
def test_tracemalloc_sees_what_python_allocates_and_nothing_else(
    tmp_path: Path, name: str, says: Says
) -> None:
    assert Tracemalloc().look(Job(get(name), "python", tmp_path)).says is says


def test_a_report_is_weighed_by_the_ledger(tmp_path: Path) -> None:
    job = Job(get("heap"), "c", tmp_path)
    ledger = {"leaked_units": 20, "leaked_bytes": 1000, "site": "leak heap.c:17"}
    ran = Ran([], "", ledger, late=False, status=0)

    def said(*records: Record) -> tuple[Says, str]:
        answer = weigh(job, ran, records, "elsewhere")
        return answer.says, answer.detail

    assert said(Record("by 0x1: leak (heap.c:17)")) == (Says.SITE, "line")
    assert said(Record("by 0x1: leak (heap.c:19)")) == (Says.SITE, "function")
    assert said(Record("by 0x1: main (heap.c:30)", 999)) == (Says.MEMORY, "elsewhere")
    assert said(Record("by 0x1: leak (heap.c:170)", 499)) == (Says.SILENT, "")
    assert said() == (Says.SILENT, "")
    nothing = Ran([], "valgrind: no", {}, late=False, status=1)
    assert weigh(job, nothing, [], "").says is Says.CANNOT


def test_an_excerpt_has_no_pids_addresses_or_folders(tmp_path: Path) -> None:
    text = "==123== by 0x10A49B: leak (heap.c:17)\n\n #1 0x5618 in leak /home/me/x/heap.c:17\n"
    assert (
        excerpt(text, Job(get("heap"), "c", tmp_path))
        == "by 0x…: leak (heap.c:17)\n #1 0x… in leak heap.c:17"
    )


def test_every_leaker_has_a_row_and_every_finder_a_column() -> None:
    chosen = rows()
    assert {name for name, _ in chosen} == {
        name for name, one in leakers().items() if not one.is_lookalike
    }
    written = page(
        {row: {"strace": Answer(Says.SITE, "line", "leak heap.c:17")} for row in chosen}, FINDERS
    )
    assert all(f"| `{name}` ({lang}) |" in written for name, lang in chosen)
    assert all(f"- **{one.name}**: " in written for one in FINDERS)
    assert cell(Answer(Says.CANNOT, "Python only")) == "n/a (Python only)"


def test_an_unknown_finder_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "memlab", "finders", "--finder", "magic"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(
        "memlab finders: no finder is called 'magic': there are valgrind,"
    )


def test_the_committed_table_has_every_leaker() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/truth-table.md").read_text()
    assert [f"`{n}` ({lang})" for n, lang in rows() if f"| `{n}` ({lang}) |" not in text] == []
