"""Series out of recordings."""

import subprocess
import sys

import pytest

from memlab.errors import Unsupported
from memlab.model.recording import Header, Recording
from memlab.observe.live import watch
from memlab.observe.sampler import Sampler


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
