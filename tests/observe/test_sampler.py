"""What the sampler survives, and what it leaves out to spare the process it looks at."""

import contextlib
import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from memlab.diagnose import diagnose
from memlab.errors import Gone, Unsupported
from memlab.model.recording import Recording
from memlab.observe import live, occupancy
from memlab.observe.files import RecordingWriter, open_recording
from memlab.observe.sampler import Sampler
from memlab.procfs import stat
from memlab.procfs.host import Host
from tests.waiting import until

pytestmark = pytest.mark.live
TICKS = os.sysconf("SC_CLK_TCK")
SMALLEST = 1e-9  # seconds of stall: nothing but the scan, or nothing at all, is short enough


@pytest.fixture
def shell():
    """Becomes Python when it reads a line."""
    code = "import sys; print(1, flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        ["sh", "-c", f"read line; exec {sys.executable} -c '{code}'"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    yield process
    process.kill()
    process.communicate()


def become_python(process):
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"1\n"


def test_it_survives_exec_and_the_verdict_begins_there(shell):
    sampler = Sampler(shell.pid, budget=1.0)
    until(lambda: stat.read(Host(), shell.pid).state == "S")
    before = [sampler.take(must=True) for _ in range(3)]
    become_python(shell)
    after = [sampler.take(must=True) for _ in range(12)]
    recording = Recording(sampler.header(), (*before, *after))
    assert before[0].smaps.total("rss") < after[0].smaps.total("rss")
    assert after[0].stat.starttime == before[0].stat.starttime
    kept = recording.since_exec()
    assert len(kept) == 12
    assert "execve" in kept.losses[0]
    assert diagnose(recording).notes == kept.losses
    assert Recording(sampler.header(), after).since_exec().losses == ()


def test_it_ends_with_its_process_though_its_files_are_open(shell):
    sampler = Sampler(shell.pid)
    sampler.take()
    shell.kill()
    shell.wait()
    with pytest.raises(Gone):
        sampler.take()


class NothingIsKept(Host):
    """No descriptor is left for a file that stays open."""

    def keep(self, path, in_one_piece=False):
        raise Unsupported(f"{path} cannot be read: Too many open files")


def until_pid(pid):
    """A process of this very pid: the kernel gives the one behind ns_last_pid next (pid_namespaces(7))."""
    for _ in range(500):  # somebody else may be faster
        with open("/proc/sys/kernel/ns_last_pid", "w") as file:
            file.write(str(pid - 1))
        child = subprocess.Popen(["sleep", "100"])
        if child.pid == pid:
            return child
        child.kill()
        child.wait()
    pytest.skip(f"pid {pid} was not given again")


@pytest.mark.parametrize("host", [Host, NothingIsKept])
def test_another_process_under_the_same_pid_is_not_taken_for_it(host):
    first = subprocess.Popen(["sleep", "100"])
    sampler = Sampler(first.pid, host())
    sampler.take()
    born = stat.read(Host(), first.pid).starttime
    first.kill()
    first.wait()
    if host is NothingIsKept:  # told by its start alone, of which the kernel prints hundredths
        until(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS > born + 2)
    try:
        second = until_pid(first.pid)
    except OSError as error:
        pytest.skip(f"a pid cannot be asked for here: {error}")
    try:
        with pytest.raises(Gone, match="has ended"):
            sampler.take()
        assert Sampler(first.pid).take().stat.starttime >= born
    finally:
        second.kill()
        second.wait()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become an ordinary user")
def test_it_goes_on_when_the_process_forbids_to_be_looked_at():
    """An observer of the same ordinary user; both are forked, for a Python below /root could not be started by it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = lose_permission()
        except BaseException as error:
            said = repr(error)
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = json.loads(pipe.read())
    os.waitpid(child, 0)
    assert "mappings" in said, said
    assert said["mappings"] == [True] * 3 + [False] * 12
    assert said["sizes"] == [True] * 15  # stat, statm and status may be read by everybody
    assert said["startcodes"][0] > 1 == said["startcodes"][-1]
    assert said["kept"] == 15  # it is the same program: no execve is taken from the lost startcode
    assert any("mappings could be read no more" in note for note in said["notes"])
    assert any("smaps was denied" in sentence for sentence in said["not_seen"])


def lose_permission():
    """Three looks, then the process is no longer dumpable (prctl(2)), and twelve more."""
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    dumpable = ctypes.CDLL(None).prctl
    dumpable(4, 1)  # PR_SET_DUMPABLE, which a change of user takes away
    told, tell = os.pipe()
    answer, say = os.pipe()
    target = os.fork()
    if target == 0:
        os.read(told, 1)
        dumpable(4, 0)
        os.write(say, b"x")
        os.read(told, 1)
        os._exit(0)
    sampler = Sampler(target, budget=1.0)
    samples = [sampler.take(must=True) for _ in range(3)]
    os.write(tell, b"x")
    os.read(answer, 1)
    samples += [sampler.take(must=True) for _ in range(12)]
    os.write(tell, b"x")
    os.waitpid(target, 0)
    recording = Recording(sampler.header(), tuple(samples))
    found = diagnose(recording)
    return {
        "mappings": [sample.has_mappings for sample in samples],
        "sizes": [bool(sample.stat and sample.statm and sample.status) for sample in samples],
        "startcodes": [sample.stat.startcode for sample in samples],
        "kept": len(recording.since_exec()),
        "notes": found.notes,
        "not_seen": found.not_seen,
    }


def test_each_reading_has_its_start_and_its_end(shell, tmp_path):
    become_python(shell)
    sampler = Sampler(shell.pid, budget=1.0)
    samples = [sampler.take(must=True), sampler.take(look=False)]
    for sample in samples:
        assert 0 < sample.read_seconds == pytest.approx(sample.ended - sample.started)
        assert sample.cpu_seconds > 0
        read = [
            span for name in ("stat", "statm", "status", "smaps") if (span := sample.reading(name))
        ]
        assert len(read) == (4 if sample is samples[0] else 3)
        assert sample.started <= read[0][0]
        assert read[-1][1] <= sample.ended
        assert all(begin <= end for begin, end in read)
        assert all(before[1] <= after[0] for before, after in pairwise(read))
    assert samples[0].texts.spans.keys() >= samples[0].texts.files.keys()
    with RecordingWriter(tmp_path / "run.tar.gz", sampler.header()) as writer:
        for sample in samples:
            writer.add(sample)
    for kept, sample in zip(open_recording(tmp_path / "run.tar.gz"), samples, strict=True):
        assert kept.texts.spans == sample.texts.spans
        assert (kept.cpu_seconds, kept.started, kept.ended) == (
            sample.cpu_seconds, sample.started, sample.ended,
        )  # fmt: skip


def test_beyond_its_budget_it_does_not_look_though_it_is_asked_to(shell):
    become_python(shell)
    sampler = Sampler(shell.pid, budget=1e-9)
    samples = [sampler.take(look=True) for _ in range(5)]
    assert [sample.has_mappings for sample in samples] == [True, False, False, False, False]
    assert [bool(sample.meminfo) for sample in samples] == [True, False, False, False, False]
    assert all(sample.stat and sample.statm and sample.status for sample in samples)
    assert sampler.take(must=True).has_mappings


class Clock:
    """Stands for the time and for the event that is waited on: it passes only as it is told to."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now

    def wait(self, timeout):
        self.now += timeout
        return False


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([0.03] * 11, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        # one took two and a half ticks: one tick is left out, the one that is overdue comes at once,
        # and the next is on the grid again
        ([0.03, 0.25, *[0.03] * 8], [0, 0.1, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
    ],
)
def test_ticks_are_at_absolute_deadlines_whatever_a_reading_takes(costs, expected, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(live, "time", clock)
    times, lasts = [], []
    for last, cost in zip(live.ticks(0.1, 1.0, stop=clock), costs, strict=True):
        times.append(clock.now - 100)
        lasts.append(last)
        clock.now += cost
    assert lasts == [False] * (len(costs) - 1) + [True]
    assert times == pytest.approx(expected)


def test_descriptors_come_back_with_the_end_of_the_sampler(shell):
    before = set(os.listdir("/proc/self/fd"))
    sampler = Sampler(shell.pid)
    for _ in range(5):
        sampler.take(must=True)
    assert len(set(os.listdir("/proc/self/fd")) - before) == 3  # stat, statm, status
    del sampler
    assert set(os.listdir("/proc/self/fd")) == before


def test_where_descriptors_are_scarce_it_opens_its_files_anew(shell):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ours = [int(name) for name in os.listdir("/proc/self/fd")]
    fillers = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(ours) + 4, hard))
        with contextlib.suppress(OSError):
            while True:
                fillers.append(os.open("/dev/null", os.O_RDONLY))
        for _ in range(2):  # room for one file, and for the listing of descriptors
            os.close(fillers.pop())
        sampler = Sampler(shell.pid)
        samples = [sampler.take() for _ in range(3)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            os.close(filler)
    assert all(sample.stat and sample.statm and sample.status for sample in samples)


def scans():
    try:
        return occupancy.scan(Host(), os.getpid()) == ""
    except Unsupported:
        return False


@pytest.mark.skipif(not scans(), reason="needs PAGEMAP_SCAN (Linux 6.7)")
def test_where_smaps_would_take_too_long_pages_are_scanned(shell, tmp_path):
    become_python(shell)
    count = len(Host().read(f"/proc/{shell.pid}/maps").splitlines())
    sparing = Sampler(shell.pid, stall=count * 2e-6)  # half of what smaps is expected to take
    sample, whole = sparing.take(must=True), Sampler(shell.pid).take(must=True)
    assert sample.has_mappings
    assert sample.smaps is None
    assert sample.left_out == ()
    assert sample.regions.bytes_by_type == whole.regions.bytes_by_type
    assert sample.regions.virtual_by_kind == whole.regions.virtual_by_kind
    with RecordingWriter(tmp_path / "run.tar.gz", sparing.header()) as writer:
        writer.add(sample)
    again = open_recording(tmp_path / "run.tar.gz").samples[0]
    assert again.regions.footprint_by_kind == sample.regions.footprint_by_kind


def test_what_would_take_too_long_by_any_way_is_left_out_and_named(shell):
    become_python(shell)
    sampler = Sampler(shell.pid, stall=SMALLEST)
    samples = [sampler.take(must=True) for _ in range(12)]
    assert not any(sample.has_mappings for sample in samples)
    said = diagnose(Recording(sampler.header(), samples)).not_seen
    assert len(said) == 1
    assert "mappings were not looked at" in said[0]
    assert "--stall" in said[0]
