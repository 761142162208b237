"""The figures of OOM reports and of the scoreboard hold the figures of the text; no name is obeyed."""

from dataclasses import replace

import pytest

from memlab.model.oom_account import account
from memlab.model.oom_scores import Scored, scoreboard
from memlab.model.oom_verdict import judge
from memlab.present.oom import nobodys, oom_text
from memlab.present.oom_figure import account_figure, oom_page, scores_figure, tasks_figure
from memlab.present.oom_scores import scores_text
from memlab.procfs import oom_report
from tests import oom_texts as real

MIB = 1 << 20


def judged(name):
    (found,) = oom_report.parse(real.text(name))
    return judge(found)


def sums(figure):
    """By name on the axis: all bars of a row together."""
    found = {}
    for bar in figure.data:
        for name, size in zip(bar.y, bar.x, strict=True):
            found[name] = found.get(name, 0.0) + size
    return found


@pytest.mark.parametrize("name", [real.V1, real.V2, real.EQUALS])
def test_the_bars_of_a_task_are_its_points(name):
    found = judged(name)
    drawn = sums(tasks_figure(found))
    dead = found.report.killed[0].pid
    wanted = {
        f"{one.row.name} ({one.row.pid})" + ": killed" * (one.row.pid == dead): one.points
        * found.page_bytes
        / MIB
        for one in found.ranked[:10]
    }
    assert drawn == pytest.approx(wanted)


def test_who_was_killed_is_marked():
    names = [name for name in sums(tasks_figure(judged(real.V1))) if "killed" in name]
    assert names == ["oomleak (15598): killed"]


@pytest.mark.parametrize("name", real.NAMES)
def test_the_account_s_bars_are_the_whole(name):
    found = account(judged(name).report, 4096)
    assert sum(sums(account_figure(found)).values()) == pytest.approx(found.whole / MIB)


def test_tmpfs_is_said_to_outlive_the_victims():
    text = oom_text(judged(real.TMPFS))
    assert "65.4 MiB of shmem are mapped by no task" in text
    assert "kernel      chose python (8387): the same" in text


def test_a_victim_of_shared_memory_alone_frees_nothing():
    text = real.text(real.V1).replace(b"anon-rss:65152kB", b"anon-rss:0kB")
    text = text.replace(b"pgtables:172kB", b"pgtables:0kB").replace(
        b"shmem-rss:0kB", b"shmem-rss:65152kB"
    )
    (found,) = oom_report.parse(text)
    said = oom_text(judge(found))
    assert "freed no anonymous memory" in said and "63.6 MiB shmem stay where" in said


def test_a_table_without_the_parts_of_rss_does_not_say_who_maps_shmem():
    assert any(
        "does not say who maps it" in text
        for text in nobodys(account(judged(real.V2).report, 4096))
    )


def test_the_scoreboard_draws_what_it_lists():
    rows = [Scored(2, "<b>x", 0, 900, 100, 5 * MIB, 2 * MIB, MIB), Scored(3, "y", 0, 700, -50, MIB, None, None),
            Scored(4, "z", 0, 0, -1000, MIB, 0, 0)]  # fmt: skip
    board = scoreboard(rows, 1000 * MIB)
    assert sums(scores_figure(board)) == {"&lt;b&gt;x (2): 900": 108.0, "y (3): 700": -49.0}
    lines = scores_text(board).splitlines()
    assert lines[1].split()[:3] == ["900", "100", "+100"] and "never" in lines[3]
    assert "not read: 1 process;" in scores_text(replace(board, unread=1))


def test_a_page_of_many_reports_draws_the_first_ones():
    page = oom_page([judged(real.V1)] * 25)
    assert page.count('class="plotly-graph-div"') == 2 * 20 and page.count("<pre>") == 25


def test_a_name_cannot_write_on_the_terminal():
    text = real.text(real.V1).replace(b"oomleak", rb"\x1b[2Jx").decode()
    (found,) = oom_report.parse(text.encode())
    assert found.killed[0].comm == "\x1b[2Jx"
    assert "\x1b" not in oom_text(judge(found)) and "\\x1b[2Jx (15598)" in oom_text(judge(found))
