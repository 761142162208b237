"""The table of the console lab: as text, as a document, as a figure, and back from its file."""

import json
from pathlib import Path

import pytest

from memlab.errors import Malformed
from memlab.model.console import measured
from memlab.model.printk import serial_seconds
from memlab.present.console import console_figure, console_markdown, console_rows, console_text

ROOT = Path(__file__).parent.parent.parent
FIELDS = json.loads((ROOT / "notebooks/recordings/console.json").read_text())
TABLE = measured(FIELDS)


def test_the_shipped_table_is_whole_and_comes_back():
    assert TABLE.as_dict() == json.loads(
        json.dumps({**FIELDS, "cells": tuple(FIELDS["cells"])})
    ) or (json.loads(json.dumps(TABLE.as_dict())) == FIELDS)
    settings = {(one.baud, one.loglevel, one.dump_tasks) for one in TABLE.cells}
    assert settings == {(b, n, d) for b in (115_200, 9_600) for n in (7, 5, 4, 3) for d in (1, 0)}


def test_the_shipped_table_holds_what_the_chapter_says():
    """Each bound is what the line needs for those characters, with a tenth for everything else."""
    for cell in TABLE.cells:
        needed = serial_seconds(cell.console_bytes, cell.baud)
        if needed > 0.2:
            assert needed * 0.9 <= cell.stall_seconds <= needed * 1.15
        assert cell.file_lines == cell.lines
        assert cell.victim_in_file
        assert cell.victim_on_console == (cell.loglevel > 3)
        assert bool(cell.tasks) == bool(cell.dump_tasks)
    loud, quiet = TABLE.cell(115_200, 7, 1), TABLE.cell(115_200, 4, 1)
    assert loud.console_lines == loud.lines
    assert quiet.console_lines == 1
    assert loud.report_seconds > 100 * quiet.report_seconds


def test_every_cell_stands_in_each_view():
    head, *rows = console_rows(TABLE)
    assert len(rows) == len(TABLE.cells)
    assert {len(row) for row in rows} == {len(head)}
    document = console_markdown(TABLE, "memlab kernel lab console")
    for row in rows:
        assert f"| {' | '.join(row)} |" in document
    assert all(row[3] in console_text(TABLE) for row in rows)


def test_the_document_in_docs_is_that_of_the_shipped_table():
    text = (ROOT / "docs/kernel-console.md").read_text()
    for row in console_rows(TABLE)[1:]:
        assert f"| {' | '.join(row)} |" in text


def test_the_figure_has_a_bar_for_each_cell():
    figure = console_figure(TABLE)
    assert [trace.name for trace in figure.data] == ["115,200 baud", "9,600 baud"]
    drawn = {x for trace in figure.data for x in trace.x}
    assert drawn == {cell.stall_seconds for cell in TABLE.cells}
    assert figure.layout.xaxis.type == "log"


@pytest.mark.parametrize("fields", [{}, {"cells": [{}]}, {**FIELDS, "more": 1}, {"cells": 3}])
def test_what_is_no_table_is_malformed(fields):
    with pytest.raises(Malformed):
        measured(fields)
