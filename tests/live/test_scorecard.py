"""A scorecard from end to end: a few cases, run, killed, resumed, judged again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from memlab.diagnose.enough import first_enough
from memlab.lab.scorecard.make import results
from memlab.lab.scorecard.run import recording_path
from memlab.lab.scorecard.store import Store
from memlab.observe.files import open_recording
from tests.waiting import until

pytestmark = pytest.mark.live
DRAW = ("--quick", "--cases", "6", "--seconds", "6", "--seed", "3")


def scorecard(*words, **how):
    return subprocess.Popen(
        [sys.executable, "-m", "memlab.cli.main", "scorecard", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how,
    )  # fmt: skip


def ended(process):
    told, complaints = process.communicate(timeout=110)
    return process.returncode, told, complaints


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """A folder whose scorecard was killed after its first case, and resumed."""
    folder = tmp_path_factory.mktemp("scorecard") / "card"
    store = Store(folder)
    with scorecard(*DRAW, "--out", str(folder), start_new_session=True) as first:
        until(lambda: store.exists and store.truths(), 60)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    done = store.truths()
    status, told, complaints = ended(scorecard("--resume", "--out", str(folder)))
    assert status == 0, complaints
    return store, done, told


def test_what_was_killed_goes_on_where_it_was(card):
    store, done, _ = card
    assert len(done) > 0
    lines = [
        json.loads(line) for line in (store.folder / "truth.jsonl").read_text().split("\n") if line
    ]
    labels = [line["label"] for line in lines]
    assert sorted(labels) == sorted(case.label for case in store.asked().cases()), "each ran once"


def test_every_case_is_judged_by_its_recording_alone(card):
    store, _, told = card
    assert "precision of the verdict" in told
    for one in results(store):
        assert one.said is not None, one.case.label
        assert "failed" not in one.truth, one.truth
        assert one.said["watch"]["instants"] > 0
        assert set(one.said["windows"]) == {"5", "6"}


def test_it_is_written_to_be_read(card):
    store, _, _ = card
    text = (store.folder / "scorecard.md").read_text()
    assert text.startswith("# Scorecard")
    assert json.loads((store.folder / "scorecard.json").read_text())["cases"] > 0
    assert (store.folder / "scorecard.html").stat().st_size > 1 << 20, "plotly.js is in it"


def test_a_folder_is_not_overwritten(card):
    store, _, _ = card
    status, _, complaint = ended(scorecard(*DRAW, "--out", str(store.folder)))
    assert status == 2
    assert complaint.count("\n") == 1
    assert "--resume" in complaint


def test_recordings_are_judged_anew_by_another_version(card):
    store, _, _ = card
    (store.folder / "verdicts.jsonl").rename(store.folder / "old.jsonl")
    status, _, complaints = ended(scorecard("--rejudge", str(store.folder)))
    assert status == 0, complaints
    assert all(one.said is not None for one in results(store))


def test_the_end_that_is_reckoned_is_the_end_that_the_watch_would_have(card):
    """All confidences from verdicts that are there, and one by one as the watch itself does."""
    store, _, _ = card
    for one in results(store)[:3]:
        recording = open_recording(recording_path(store.folder, one.case))
        for confidence in (0.9, 0.99):
            seconds, diagnosis = first_enough(recording, confidence)
            said = one.said["enough"][f"{confidence:g}"]
            assert (said["seconds"], said["verdict"]) == (
                pytest.approx(seconds, abs=0.01),
                diagnosis.verdict.value,
            )
