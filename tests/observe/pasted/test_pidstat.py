"""Logs of pidstat that begin in the middle of something, and such that are rounded."""

from pathlib import Path

import pytest

from memlab.diagnose import diagnose
from memlab.observe.pasted import open_pasted
from memlab.observe.pasted.text import grain
from tests.diagnose.made import A, mapping

CAPTURES = Path(__file__).parents[2] / "data" / "captures"
STEP = 10244 * 1024


def with_first_size(tmp_path, less):
    """The real log of six readings; the first is as much smaller as something else that was mapped until the second."""
    lines = (CAPTURES / "tools" / "pidstat-r.txt").read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if "thread-stack" in line)
    size = lines[at].split()[5]
    lines[at] = lines[at].replace(size, str(int(size) - less))
    path = tmp_path / "log.txt"
    path.write_text("\n".join(lines) + "\n")
    return open_pasted([str(path)])


@pytest.mark.parametrize("less", [132, -4000, 2092])
def test_a_first_rise_unlike_the_others_hides_no_steps_and_is_said(tmp_path, less):
    recording = with_first_size(tmp_path, less)
    (finding,) = diagnose(recording).findings
    assert (finding.pattern, finding.step.bytes) == ("thread-stack", STEP)
    assert "left out (1 reading)" in " ".join(recording.sources)


def test_nothing_is_left_out_of_equal_steps(tmp_path):
    recording = with_first_size(tmp_path, 0)
    assert len(recording.series("stat.vsize")) == 6
    assert "left out" not in " ".join(recording.sources)


def test_a_log_of_several_stacks_at_a_time_is_one_of_stacks_where_smaps_shows_them(tmp_path):
    """Five threads a second, read once a second: no such step is the size of a stack."""
    rows = [
        f"12:00:{n:02}        0        77     10.00      0.00  {300_000 + n * 5 * 8196}   3000   0.01  svc"
        for n in range(9)
    ]
    head = "12:00:00      UID       PID  minflt/s  majflt/s     VSZ     RSS   %MEM  Command"
    (tmp_path / "log.txt").write_text("\n".join([head, *rows]) + "\n")
    size = 8196 << 10
    stacks = [
        mapping(A + n * size, 4096, "---p", "")
        + mapping(A + n * size + 4096, size - 4096, "rw-p", "", rss=8192)
        for n in range(40)
    ]
    (tmp_path / "smaps.txt").write_text("".join(stacks))
    (alone,) = diagnose(open_pasted([str(tmp_path / "log.txt")])).findings
    assert alone.pattern == "address-space"
    both = open_pasted([str(tmp_path / "log.txt"), str(tmp_path / "smaps.txt")])
    (finding,) = diagnose(both).findings
    assert (finding.pattern, finding.step.bytes) == ("thread-stack", size)
    assert finding.step.period_seconds == pytest.approx(0.2)
    assert "max_map_count" in finding.forecast.limit
    assert any("5 times 8,196 kB" in sentence for sentence in finding.evidence)


def test_what_human_rounds_to_is_said():
    said = " ".join(open_pasted([str(CAPTURES / "tools" / "pidstat-r--human.txt")]).sources)
    assert "rounded (--human): VSZ to 102 KiB" in said
    said = " ".join(open_pasted([str(CAPTURES / "tools" / "pidstat-r.txt")]).sources)
    assert "rounded" not in said


def test_the_grain_is_of_the_last_digit():
    cells = {"285.2M": (1 << 20) / 10, "285,2G": (1 << 30) / 10, "7M": 1 << 20, "7284": 0}
    assert {cell: grain(cell) for cell in cells} == pytest.approx(cells)
