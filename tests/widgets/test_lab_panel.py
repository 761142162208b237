"""The lab without a browser: its buttons, its lines of text, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from memlab.units import MIB
from memlab.widgets import Lab
from tests.waiting import until

pytestmark = [pytest.mark.live, pytest.mark.needs("gcc")]


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab()
    yield lab
    lab.close()


def rss(lab: Lab) -> float:
    values = lab.pidstat.values("RSS")[1]
    return float(values[-1] - values[0]) if len(values) else 0.0


def ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_start_name_it_stop(lab: Lab) -> None:
    lab.controls.rate.value, lab.controls.cap.value = "8MiB/s", "32MiB"
    lab.controls.start.click()
    until(lambda: lab.controls.state == "running")
    assert lab.run is not None
    pid = lab.run.experiment.pid
    until(lambda: rss(lab) > 8 * MIB)
    until(lambda: "looking costs" in lab._status.value)
    # the verdict wants its instants: the charts show how many there were
    until(lambda: len(lab.pidstat.values("RSS")[0]) >= 20)
    lab.controls.name_it.click()
    until(lambda: "What the leaker says it did" in lab.verdict.value)
    assert lab.controls.start.disabled and lab.controls.leaker.disabled
    lab.controls.stop.click()
    until(lambda: lab.controls.state == "idle")
    assert ended(pid)
    assert not lab.controls.start.disabled and lab.controls.stop.disabled
    lab.name_it()
    assert "<b>heap</b>" in lab.verdict.value
    assert "What pidstat shows" in lab._repr_mimebundle_()[0]["text/html"]


def test_a_paused_leak_stands_still_and_a_new_rate_moves_it(lab: Lab) -> None:
    lab.controls.rate.value = "1/min"
    lab.start()
    assert lab.run is not None
    lab.controls.pause.click()
    until(lambda: lab.controls.state == "paused")
    assert lab.controls.pause.description == "Resume"
    lab.controls.pause.click()
    until(lambda: lab.controls.state == "running")
    lab.controls.rate.value = "50/s"
    experiment = lab.run.experiment
    until(lambda: experiment.ledger and experiment.ledger[-1]["count"] > 20)


def test_a_second_go_starts_from_nothing(lab: Lab) -> None:
    lab.controls.rate.value = "8MiB/s"
    lab.start()
    until(lambda: rss(lab) > MIB)
    lab.stop()
    lab.controls.rate.value = "1/min"
    lab.start()
    until(lambda: len(lab.pidstat.values("RSS")[0]) > 1)
    assert lab.pidstat.values("RSS")[0][0] == 0.0
    assert rss(lab) < MIB
    assert lab.verdict.value == ""


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [("rate", "fast", "is not a rate"), ("rate", "0", "more than zero"), ("cap", "huge", "size")],
)
def test_what_cannot_be_started_is_one_line(lab: Lab, field: str, text: str, said: str) -> None:
    getattr(lab.controls, field).value = text
    lab.controls.start.click()
    until(lambda: said in lab._error.value)
    assert "Traceback" not in lab._error.value and "defect" not in lab._error.value
    until(lambda: lab.controls.state == "idle")
    assert lab.run is None


def test_without_a_compiler_it_says_so(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    lab.controls.start.click()
    until(lambda: "compiler" in lab._error.value)
    assert lab.run is None


def test_nothing_to_name_is_said(lab: Lab) -> None:
    lab.controls.name_it.click()
    until(lambda: "press Start" in lab._error.value)


def test_a_leaker_that_is_killed_is_noticed(lab: Lab) -> None:
    lab.start()
    assert lab.run is not None
    os.kill(lab.run.experiment.pid, 9)
    until(lambda: "has ended" in lab._status.value)
    assert lab.run is None and lab.controls.state == "idle"


def test_closing_ends_the_leaker() -> None:
    lab = Lab()
    lab.start()
    assert lab.run is not None
    pid, recorder = lab.run.experiment.pid, lab.run.recorder
    lab.close()
    assert ended(pid) and not recorder.running


def test_the_leaker_goes_with_the_kernel(tmp_path: Path) -> None:
    """A kernel that is restarted is a process that is killed."""
    program = textwrap.dedent("""
        from memlab.widgets import Lab
        lab = Lab(); lab.start()
        print(lab.run.experiment.pid, flush=True)
        input()
    """)
    kernel = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert kernel.stdin is not None and kernel.stdout is not None
    with kernel.stdin, kernel.stdout:
        pid = int(kernel.stdout.readline())
        assert not ended(pid)
        kernel.kill()
        kernel.wait()
    until(lambda: ended(pid))
