"""Several recordings of one process: joined in order of time, refused where they are of another."""

import json
from dataclasses import replace

import pytest

from memlab.cli.main import main
from memlab.diagnose import diagnose
from memlab.errors import Malformed, Unsupported
from memlab.lab.experiment import start
from memlab.model.diagnosis import Verdict
from memlab.model.recording import Header, Recording
from memlab.observe.files import open_recording
from memlab.observe.joined import join
from memlab.observe.redact import Redactor
from memlab.session import watch_and_diagnose
from tests.observe.capturing import GENEROUS, capture
from tests.observe.test_files import made_sample

BOOT = "00000000-aaaa-bbbb-cccc-000000000000"
HOUR = 3600.0


def recording(at=0.0, count=3, clock=None, asleep=0.0, **target):
    """Instants a second apart from `at` on; `asleep` is what CLOCK_MONOTONIC did not count."""
    identity = {"pid": 42, "comm": "made", "start_time_ticks": 77, "boot_id": BOOT, **target}
    samples = []
    for index in range(count):
        sample = made_sample(index, size=20)
        times = {"monotonic": 100.0 + at + index - asleep, "wall": 1e9 + at + index}
        samples.append(replace(sample, **times))
    host = {} if clock is None else {"clock": clock}
    return Recording(Header(target=identity, host=host, asked={"seconds": 3}), tuple(samples))


def test_they_are_one_in_order_of_time():
    joined = join([recording(HOUR), recording()])
    assert [sample.monotonic for sample in joined] == [100, 101, 102, 3700, 3701, 3702]
    assert [sample.index for sample in joined] == list(range(6))
    assert joined.seconds == HOUR + 2
    assert joined.sources == ("2 recordings of one process, of 2 s, 2 s; 59 min 58 s between them",)
    assert "seconds" not in joined.header.asked


def test_one_stays_as_it_is():
    one = recording()
    assert join([one]) is one


def test_what_two_have_in_common_is_there_once():
    assert len(join([recording(), recording(), recording(2)])) == 5


def test_clocks_that_count_sleep_and_such_that_do_not_fit_together():
    joined = join([recording(asleep=500), recording(HOUR, clock="boottime")])
    assert joined.seconds == HOUR + 2


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"start_time_ticks": 78}, "two runs of made, .*--control"),
        ({"pid": 43, "start_time_ticks": 78}, "two runs of made, .*--control"),
        ({"boot_id": BOOT[:-1] + "1"}, "two runs of made, .*--control"),
        ({"pid": 43, "comm": "else"}, "a is of made and b of else: these are two programs"),
        ({"boot_id": None}, "do not both say"),
    ],
)
def test_another_process_is_refused_in_one_line(other, says):
    with pytest.raises(Unsupported, match=says) as caught:
        join([recording(), recording(HOUR, **other)], ["a", "b"])
    assert "\n" not in str(caught.value)


def test_of_a_redacted_and_a_plain_one_it_says_which_is_which_and_what_to_do():
    plain = recording(comm="made")
    redacted = Redactor().recording(recording(5.0, comm="made"))
    for order, names in (((plain, redacted), ("p", "r")), ((redacted, plain), ("r", "p"))):
        with pytest.raises(
            Unsupported, match=r"^r is redacted and p is not.*memlab redact"
        ) as said:
            join(order, names)
        assert "two programs" not in str(said.value)


def test_nothing_to_compare_is_said():
    with pytest.raises(Malformed, match="b: has no instant"):
        join([recording(), replace(recording(), samples=())], ["a", "b"])
    with pytest.raises(ValueError, match="no recordings"):
        join([])


@pytest.mark.live
@pytest.mark.needs("dash")
def test_before_and_after_name_what_grew_in_between(tmp_path):
    """Nothing moves while it is looked at: all that there is to see is the difference."""
    with start("thread-stack", paused=True, cap="1GiB") as experiment:
        experiment.step(2)
        run = capture(
            "dash", "--seconds", "1", *GENEROUS, "--out", "a", experiment.pid, cwd=tmp_path
        )
        assert run.returncode == 0
        experiment.step(12)
        _, after = watch_and_diagnose(experiment.pid, 1.0)
    before = open_recording(tmp_path / "a.tar.gz")
    assert [diagnose(one).findings for one in (before, after)] == [(), ()]
    # as if an hour lay between them
    later = tuple(
        replace(sample, monotonic=sample.monotonic + HOUR, wall=sample.wall + HOUR)
        for sample in after.samples
    )
    after = replace(after, samples=later)
    redactor = Redactor()
    for pair in ((before, after), (redactor.recording(before), redactor.recording(after))):
        found = diagnose(join(pair))
        assert found.verdict is Verdict.UNDECIDED
        assert "thread stacks grew by 120 MiB in 1 h" in found.why
        assert "record it once more, 1 h" in found.decide


@pytest.mark.live
def test_the_command_takes_several_recordings(tmp_path, capfd):
    """Before and after of a leak that is seen in both, and of another run of the same program."""
    paths = [str(tmp_path / f"{n}.tar.gz") for n in range(3)]
    for runs in (paths[:2], paths[2:]):
        with start("heap", rate="8MiB/s", cap="200MiB") as experiment:
            for path in runs:
                asked = ["record", str(experiment.pid), "-o", path, "--seconds", "1.5"]
                assert main([*asked, "--interval", "0.1", "--budget", "20%"]) == 0
                pid = experiment.pid
    capfd.readouterr()
    assert main(["diagnose", paths[1], paths[0], "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["findings"][0]["pattern"] == "heap"
    assert "2 recordings of one process" in found["sources"][0]
    assert main(["diagnose", paths[0], paths[2]]) == 2
    assert f"memlab diagnose {paths[2]} --control {paths[0]}" in capfd.readouterr().err
    assert main(["diagnose", paths[0], str(pid)]) == 2
    assert "record it first" in capfd.readouterr().err
