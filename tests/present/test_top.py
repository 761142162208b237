"""The table of top, for processes of any size."""

from dataclasses import replace

from memlab.model.top import FIELDS, Row, Top
from memlab.present.top import top_text

SMALL = Row(
    pid=7, comm="a b", virt=8 << 20, res=4 << 20, code=4096, data=1 << 20, shr=2 << 20,
    major_faults=3, dt=0, swap=None, used=None,
)  # fmt: skip
# Chromium reserves 1.4 TiB: ten digits of kB
HUGE = replace(SMALL, pid=4194304, comm="chromium", virt=1518366384 << 10, swap=0, used=5 << 40)


def test_no_number_runs_into_its_neighbour():
    lines = top_text(Top((HUGE, SMALL), mem_total=64 << 30, others=2)).splitlines()
    names, files, fields, huge, small, others = lines[:6]
    assert len({line.rindex(mark) for line, mark in ((names, "COMMAND"), (small, "a b"))}) == 1
    assert huge.split() == [
        "4194304", "1518366384", "4096", "4", "1024", "2048", "3", "0", "0", str(5 << 30), "0.0", "chromium",
    ]  # fmt: skip
    assert small.split()[8:10] == ["-", "-"]  # a kernel thread, a zombie: status has no such lines
    assert names.split()[1:-1] == list(FIELDS)
    assert "2 more" in others
    # a column's field stands below its name, right-aligned
    assert names.index("VIRT") + 4 == files.index("statm") + 5 == fields.index("size") + 4


def test_nobody_is_a_table_without_rows():
    assert top_text(Top((), mem_total=1 << 30)).splitlines()[3] == ""
