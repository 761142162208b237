"""Watching a live process: what is read, how often, and how it ends."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from memlab.errors import Gone, Unsupported
from memlab.lab.experiment import start
from memlab.model.diagnosis import Need
from memlab.observe.live import LiveRecorder, Window, watch
from memlab.observe.pace import Pace
from memlab.observe.sampler import Sampler
from tests.waiting import until


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_the_first_and_the_last_sample_have_the_mappings(sleeper):
    never = [*watch(Sampler(sleeper.pid), interval=0.05, seconds=0.5, judge=lambda *_: Need.GO_ON)]
    with_mappings = [sample.index for sample in never if sample.smaps is not None]
    assert with_mappings == [0, len(never) - 1]
    assert all(sample.stat and sample.statm and sample.status for sample in never)
    assert never[0].meminfo.mem_total > 0
    assert never[0].fds


def test_two_ways_to_the_resident_set_agree(sleeper):
    sample = Sampler(sleeper.pid).take(must=True)
    by_type = sample.regions.bytes_by_type
    assert sum(by_type.values()) == sample.smaps.total("rss") + sample.smaps.total("swap")
    status = sample.status
    assert status.vm_rss == status.rss_anon + status.rss_file + status.rss_shmem
    assert sum(sample.regions.virtual_by_kind.values()) == sample.smaps.total("size")


def test_a_judge_can_stop_the_watch(sleeper):
    seen = []

    def judge(_looked, now):
        seen.append(now)
        return Need.STOP if len(seen) == 3 else Need.LOOK

    assert len([*watch(Sampler(sleeper.pid), interval=0.02, judge=judge)]) == 3


def test_the_watch_ends_with_the_process(sleeper):
    samples = watch(Sampler(sleeper.pid), interval=0.02)
    next(samples)
    sleeper.kill()
    sleeper.wait()
    assert len([*samples]) < 50


def test_a_zombie_and_a_kernel_thread_are_named(sleeper):
    child = os.fork()
    if child == 0:
        os._exit(0)
    try:
        zombie = until(
            lambda: Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        )
        assert zombie
        with pytest.raises(Gone, match="zombie"):
            Sampler(child)
    finally:
        os.waitpid(child, 0)
    with pytest.raises(Gone, match="no process 99999999"):
        Sampler(99999999)
    if Path("/proc/2/stat").read_text().startswith("2 (kthreadd)"):
        with pytest.raises(Unsupported, match="kernel thread"):
            Sampler(2)


def test_a_pid_that_was_given_to_another_process_is_gone(sleeper):
    sampler = Sampler(sleeper.pid)
    sampler._start_time -= 1
    with pytest.raises(Gone, match="another process"):
        sampler.take()


def test_the_pace_keeps_to_its_share():
    pace = Pace(share=0.01, least_seconds=0.1)
    assert pace.due(0.0)
    pace.done(10.0, cost_seconds=0.02)
    assert not pace.due(11.9)
    assert pace.due(12.0)
    pace.done(20.0, cost_seconds=0.0)
    assert not pace.due(20.05)


def test_the_window_forgets_the_oldest_and_says_so(sleeper):
    sampler = Sampler(sleeper.pid, budget=1.0)
    window = Window(
        cap_bytes=3 * len(sampler.take(must=True).texts.files[f"/proc/{sleeper.pid}/smaps"])
    )
    taken = [sampler.take(must=True) for _ in range(6)]
    for sample in taken:
        window.add(sample)
    recording = window.recording(sampler.header())
    assert recording.samples[-1] is taken[-1]
    assert len(recording) < 6
    assert "no longer fit" in recording.losses[0]


@pytest.mark.live
def test_a_recorder_sees_a_leak_step_by_step():
    with (
        start("heap", paused=True) as experiment,
        LiveRecorder(experiment.pid, interval=0.02, budget=0.5) as recorder,
    ):
        until(lambda: len(recorder.recording) > 2)
        before = recorder.recording.series("stat.vsize").values[-1]
        experiment.step(64)
        recorder.note({"event": "mark"})
        until(lambda: recorder.recording.series("stat.vsize").values[-1] >= before + 64 * 65536)
        until(lambda: recorder.recording.events == [{"event": "mark"}])
        experiment.stop()
        until(lambda: recorder.ended)
    assert threading.active_count() < 20
