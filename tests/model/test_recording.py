"""Series out of recordings."""

import subprocess
import sys

import pytest

from memlab.errors import Unsupported
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.observe.live import watch
from memlab.observe.sampler import Sampler
from memlab.procfs.host import InstantTexts


@pytest.fixture(scope="module")
def recording():
    code = "import sys; print(1, flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    sampler = Sampler(process.pid, budget=1.0)
    samples = tuple(watch(sampler, interval=0.05, seconds=0.5))
    yield Recording(sampler.header(), samples)
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("stat.vsize", "bytes"), ("stat.minflt", "count"), ("statm.resident", "bytes"),
        ("status.rss_anon", "bytes"), ("smaps.rss", "bytes"), ("type.private_anonymous", "bytes"),
        ("kind.heap", "bytes"), ("kind_virtual.heap", "bytes"), ("kind_count.heap", "count"),
        ("meminfo.shmem", "bytes"), ("vmstat.pgfault", "count"),
    ],
)  # fmt: skip
def test_a_field_over_time(recording, name, unit):
    series = recording.series(name)
    assert series.unit == unit
    assert len(series) >= 2
    assert (series.values > 0).all() or name == "meminfo.shmem"
    assert (series.times[1:] > series.times[:-1]).all()


def test_what_is_not_read_every_time_has_gaps_and_no_zeros(recording):
    assert len(recording.series("meminfo.mem_total")) < len(recording)
    assert (recording.series("meminfo.mem_total").values > 0).all()


@pytest.mark.parametrize(
    "name", ["nonsense", "stat.nonsense", "type.nonsense", "kind.nonsense", "proc.vsize"]
)
def test_an_unknown_name_says_so(recording, name):
    with pytest.raises(Unsupported, match=r"nonsense|proc\.vsize"):
        recording.series(name)


def test_an_empty_recording_has_empty_series():
    empty = Recording(Header(target={"pid": 1}))
    assert len(empty.series("stat.vsize")) == 0
    assert empty.series("stat.vsize").growth == 0.0
    assert empty.seconds == 0.0


def lines(*programs):
    """A recording with these (startcode, comm), an instant each."""
    samples = []
    for index, (code, comm) in enumerate(programs):
        words = ["S", *["0"] * 22, str(code), *["0"] * 26]
        text = f"7 ({comm}) {' '.join(words)}\n".encode()
        samples.append(
            Sample(index, 7, 10.0 + index, 0.0, 0.0, 0.0, InstantTexts({"/proc/7/stat": text}))
        )
    return Recording(Header(target={"pid": 7}), tuple(samples))


A, B, HIDDEN = 0x55AA00000000, 0x55BB00000000, 1


@pytest.mark.parametrize(
    ("programs", "kept"),
    [
        ([(A, "a")] * 4, 4),
        ([(A, "a"), (A, "a"), (B, "b"), (B, "b")], 2),
        ([(A, "a"), (B, "a"), (B, "a")], 2),  # itself anew: at other addresses
        ([(A, "a"), (A, "renamed")], 2),  # prctl(PR_SET_NAME)
        ([(A, "a"), (HIDDEN, "a"), (HIDDEN, "a")], 3),  # it forbade us to look
        ([(A, "a"), (HIDDEN, "a"), (A, "a")], 3),  # and allowed it again
        ([(A, "a"), (HIDDEN, "a"), (B, "a")], 1),  # in between it was replaced
        ([(A, "a"), (HIDDEN, "su"), (HIDDEN, "su")], 2),  # by a program with another user's rights
        ([(HIDDEN, "a"), (HIDDEN, "b")], 2),  # cannot be told
        ([(A, "a"), (B, "b"), (A, "c"), (A, "c")], 2),
    ],
)
def test_what_is_an_execve_and_what_only_looks_like_one(programs, kept):
    found = lines(*programs).since_exec()
    assert len(found) == kept
    assert bool(found.losses) == (kept < len(programs))
