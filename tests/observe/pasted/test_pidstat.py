"""Logs of pidstat that begin in the middle of something, and such that are rounded."""

from pathlib import Path

import pytest

from memlab.diagnose import diagnose
from memlab.observe.pasted import open_pasted
from memlab.observe.pasted.text import grain

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


def test_what_human_rounds_to_is_said():
    said = " ".join(open_pasted([str(CAPTURES / "tools" / "pidstat-r--human.txt")]).sources)
    assert "rounded (--human): VSZ to 102 KiB" in said
    said = " ".join(open_pasted([str(CAPTURES / "tools" / "pidstat-r.txt")]).sources)
    assert "rounded" not in said


def test_the_grain_is_of_the_last_digit():
    cells = {"285.2M": (1 << 20) / 10, "285,2G": (1 << 30) / 10, "7M": 1 << 20, "7284": 0}
    assert {cell: grain(cell) for cell in cells} == pytest.approx(cells)
