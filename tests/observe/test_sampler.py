"""What the sampler survives, and what it leaves out to spare the process it looks at."""

import contextlib
import os
import resource
import subprocess
import sys

import pytest

from memlab.diagnose import diagnose
from memlab.errors import Gone, Unsupported
from memlab.model.recording import Recording
from memlab.observe import occupancy
from memlab.observe.files import RecordingWriter, open_recording
from memlab.observe.sampler import Sampler
from memlab.procfs import stat
from memlab.procfs.host import Host
from tests.waiting import until

pytestmark = pytest.mark.live
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
