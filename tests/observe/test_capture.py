"""memlab-capture: in every shell, as anybody, whatever ends it, and within what it may cost."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from memlab.diagnose import diagnose
from memlab.lab.experiment import start
from memlab.model import outside
from memlab.model.diagnosis import Verdict
from memlab.observe.capture import SCRIPT
from memlab.observe.files import open_recording
from memlab.observe.sampler import Sampler
from memlab.session import watch_and_diagnose
from tests.lab.ordinary import NOBODY, as_root
from tests.observe.capturing import (
    GENEROUS,
    SHELLS,
    argv,
    capture,
    capturing,
    instants,
    is_alive,
    only_busybox,
    under_way,
)
from tests.waiting import until

pytestmark = [pytest.mark.live, pytest.mark.needs("dash", "busybox", "bash", "tar", "gzip")]
ODD_NAME = b'x) R "\\\xc3\xa9'  # a program may call itself like this


@contextmanager
def child(code, **how):
    """A Python process that runs `code`, says ready, and waits for the end of its stdin."""
    running = subprocess.Popen(
        [sys.executable, "-c", code + "\nprint('ready', flush=True)\nimport sys\nsys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **how,
    )
    try:
        assert running.stdout.readline() == "ready\n"
        yield running
    finally:
        running.kill()
        running.communicate()


@contextmanager
def named(path):
    """An empty file of that name for as long."""
    with open(path, "xb"):
        pass
    try:
        yield
    finally:
        os.unlink(path)


@pytest.fixture(scope="module")
def leaker():
    with start("thread-stack", rate="4/s", cap="8GiB") as experiment:
        yield experiment


@pytest.fixture(scope="module")
def captured(leaker, tmp_path_factory):
    """By shell: the run and its file, all at the same time as memlab's own verdict, under `live`."""
    folder = tmp_path_factory.mktemp("captured")
    words = ("--seconds", "6", *GENEROUS, leaker.pid)
    running = {
        shell: subprocess.Popen(
            argv(shell, "--out", shell, *words), cwd=folder, stdout=subprocess.PIPE, text=True
        )
        for shell in SHELLS
    }
    verdict, _ = watch_and_diagnose(leaker.pid, 6)
    said = {shell: run.communicate(timeout=60)[0] for shell, run in running.items()}
    assert {run.returncode for run in running.values()} == {0}, said
    files = {shell: folder / f"{shell}.tar.gz" for shell in SHELLS}
    return {"live": verdict, "said": said, "files": files}


@pytest.mark.parametrize("shell", SHELLS)
def test_its_verdict_is_that_of_watching(captured, shell):
    live, recording = captured["live"], open_recording(captured["files"][shell])
    found = diagnose(recording)
    assert recording.losses == ()
    assert (found.verdict, found.findings[0].pattern) == (Verdict.LEAK, "thread-stack")
    assert live.findings[0].pattern == "thread-stack"
    # a step of a stack and its guard more or less at either end of six seconds
    rates = [one.findings[0].bytes_per_second for one in (found, live)]
    assert abs(rates[0] - rates[1]) <= 2 * (10_244 << 10) / 5


@pytest.mark.parametrize("shell", SHELLS)
def test_it_reads_what_the_sampler_reads(captured, leaker, shell):
    recording = open_recording(captured["files"][shell])
    sampler = Sampler(leaker.pid)
    header, ours = sampler.header(), sampler.take(must=True)
    theirs = recording.samples[-1]
    assert recording.header.target == header.target
    # what is used moves, and the limit is the tightest now
    limits = {"cgroup_usage", "cgroup_limit", "cgroup_tasks"}
    for name in header.host["limits"].keys() - limits:
        assert recording.header.host["limits"][name] == header.host["limits"][name], name
    assert recording.header.page_bytes == header.page_bytes
    for name in ours.texts.files:
        assert name in theirs.texts.files, name
    # which files on tmpfs are new a shell cannot ask for cheaply: there it has the fill of the mount
    devices = {mount.device for mount in ours.tmpfs_mounts}
    asked = {
        (call.kind, call.path)
        for call in ours.texts.calls
        if call.error is None
        and not (
            call.kind == "stat"
            and call.result["device"] in devices
            and not call.path.startswith("/proc/")
        )
    }
    assert asked <= {(call.kind, call.path) for call in theirs.texts.calls if call.error is None}
    group, there = outside.group_of(ours), outside.group_of(theirs)
    assert (group is None) == (there is None)
    assert group is None or (leaker.pid in there.pids and there.below >= 0)
    assert outside.segments(theirs) is not None and outside.written(theirs) is not None
    assert [fd.target for fd in theirs.fds] == [fd.target for fd in ours.fds]
    assert [fd.stat for fd in theirs.fds] == [fd.stat for fd in ours.fds]
    assert theirs.tmpfs_mounts == ours.tmpfs_mounts
    for mount in ours.tmpfs_mounts:
        assert theirs.space(mount).blocks == ours.space(mount).blocks
    assert theirs.children == ours.children
    assert abs(theirs.wall - time.time()) < 300 and recording.samples[0].wall < theirs.wall
    named = {tuple(sorted(set(one.regions.smaps.names))) for one in (theirs, ours)}
    assert len(named) == 1


def test_what_it_says_can_be_typed(captured):
    first, *_, last = captured["said"]["dash"].splitlines()
    assert "dash.tar.gz" in first and "for 6 s" in first
    assert last.startswith("bring it home:  scp '") and "memlab diagnose 'dash.tar.gz'" in last


def test_a_container_with_busybox_alone_is_enough(leaker, tmp_path):
    run = capture(
        "busybox", "--seconds", "1.6", *GENEROUS, "--redact", leaker.pid, cwd=tmp_path, env=only_busybox(tmp_path)
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    (packed,) = tmp_path.glob("memlab-*.tar.gz")
    recording = open_recording(packed)
    assert len(recording) > 5 and recording.samples[-1].fds and recording.header.page_bytes == 4096


def test_names_of_any_bytes_are_kept(tmp_path):
    code = f"""
import ctypes
kept = open({str(tmp_path)!r}.encode() + b'/' + {ODD_NAME!r}, 'wb')
ctypes.CDLL(None).prctl(15, {ODD_NAME!r}, 0, 0, 0)
"""
    shared = os.fsencode("/dev/shm/") + b"%d " % os.getpid() + ODD_NAME
    with child(code) as running, named(shared):
        sampler = Sampler(running.pid)
        sample = sampler.take(must=True)
        for shell in SHELLS:
            run = capture(shell, "--seconds", "0.4", "--out", shell, running.pid, cwd=tmp_path)
            assert (run.returncode, run.stderr) == (0, "")
            recording = open_recording(tmp_path / f"{shell}.tar.gz")
            assert recording.header.target == sampler.header().target
            assert recording.samples[0].stat.comm == sample.stat.comm
            assert [f.target for f in recording.samples[0].fds] == [f.target for f in sample.fds]
            listed = recording.samples[0].host.listdir("/dev/shm")
            assert os.path.basename(os.fsdecode(shared)) in listed and ".." not in listed


def shared_folder():
    """A folder where an ordinary user may write too, with the script in it."""
    folder = tempfile.TemporaryDirectory(dir="/var/tmp")
    os.chmod(folder.name, 0o777)
    shutil.copy(SCRIPT, folder.name)
    return folder


@as_root
def test_an_ordinary_user_sees_what_it_may_and_names_the_rest(leaker):
    with shared_folder() as folder:
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        script = Path(folder) / SCRIPT.name
        run = capture(
            "dash", "--seconds", "3", *GENEROUS, "--out", "other", leaker.pid, cwd=folder, script=script, **user
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        (denied,) = [line for line in run.stdout.splitlines() if line.startswith("denied:")]
        assert {"fd", "smaps"} <= set(denied.partition(" of ")[0].split())
        found = diagnose(open_recording(Path(folder) / "other.tar.gz"))
        assert found.verdict is Verdict.LEAK
        assert any("smaps was denied" in line for line in found.not_seen)
        own = subprocess.Popen(["sleep", "60"], **user)
        try:
            run = capture("busybox", "--seconds", "1", own.pid, cwd=folder, script=script, **user)
            assert run.returncode == 0 and "denied" not in run.stdout
        finally:
            own.kill()
            own.wait()


def test_a_process_that_ends_is_recorded_up_to_its_end(tmp_path):
    with (
        child("kept = bytearray(5 << 20)") as running,
        capturing(
            "dash", "--seconds", "50", *GENEROUS, "--out", "it", running.pid, cwd=tmp_path
        ) as run,
    ):
        under_way(tmp_path / "it", 3)
        running.kill()
        said, complaint = run.communicate(timeout=30)
    assert (run.returncode, complaint) == (0, "")
    assert "stopped early: the process ended" in said
    recording = open_recording(tmp_path / "it.tar.gz")
    assert len(recording) >= 3 and recording.samples[0].smaps is not None
    assert all(sample.stat.vsize > 5 << 20 for sample in recording)


def test_an_execve_is_seen(tmp_path):
    running = subprocess.Popen(["sh", "-c", "read wait; exec sleep 60"], stdin=subprocess.PIPE)
    try:
        words = ("--seconds", "50", *GENEROUS, "--out", "it", running.pid)
        with capturing("busybox", *words, cwd=tmp_path) as run:
            under_way(tmp_path / "it", 2)
            running.stdin.close()
            until(lambda: "sleep" in Path(f"/proc/{running.pid}/comm").read_text())
            under_way(tmp_path / "it", instants(tmp_path / "it") + 2)
            run.send_signal(signal.SIGTERM)
            run.communicate(timeout=30)
        recording = open_recording(tmp_path / "it.tar.gz")
        assert 0 < len(recording.since_exec()) < len(recording)
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_a_whole_recording(leaker, tmp_path, sent):
    with capturing(
        "dash", "--seconds", "50", *GENEROUS, "--out", "it", leaker.pid, cwd=tmp_path
    ) as run:
        under_way(tmp_path / "it", 2)
        began = time.monotonic()
        run.send_signal(sent)
        said, _ = run.communicate(timeout=30)
    assert run.returncode == 0 and "bring it home" in said and "early" not in said
    assert time.monotonic() - began < 10
    recording = open_recording(tmp_path / "it.tar.gz")
    assert recording.samples[-1].rollup is not None, "the last look is a full one"
    assert is_alive(leaker.pid)


def killed(leaker, folder, seed):
    """One kill -9 at a random moment; what is left opens."""
    moment = random.Random(seed).uniform(0, 1.2)
    shell = SHELLS[seed % len(SHELLS)]
    with capturing(
        shell, "--seconds", "50", *GENEROUS, "--out", "it", leaker.pid, cwd=folder
    ) as run:
        under_way(folder / "it")
        time.sleep(moment)  # no wait: the kill is to come at any moment
        run.kill()
        run.wait()
    written = instants(folder / "it")
    recording = open_recording(folder / "it")
    assert written - 1 <= len(recording) <= written and len(recording) > 0
    assert [sample.index for sample in recording] == list(range(len(recording)))
    for sample in recording:
        assert sample.stat.comm and sample.statm.size
        if sample.has_mappings:
            assert sample.smaps.names[-1] == "[vsyscall]" or "[stack]" in sample.smaps.names
    assert is_alive(leaker.pid)


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_any_moment_it_opens_up_to_its_last_whole_instant(leaker, tmp_path, seed):
    killed(leaker, tmp_path, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5, 50))
def test_killed_fifty_times(leaker, tmp_path, seed):
    killed(leaker, tmp_path, seed)


def test_it_stops_at_its_cap(leaker, tmp_path):
    run = capture(
        "dash",
        "--cap",
        "1200k",
        "--seconds",
        "50",
        *GENEROUS,
        "--out",
        "it",
        leaker.pid,
        cwd=tmp_path,
    )
    assert run.returncode == 3 and "reached its cap" in run.stdout
    assert (tmp_path / "it.tar.gz").stat().st_size < 600 << 10
    assert len(open_recording(tmp_path / "it.tar.gz")) > 3


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs root that may mount")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(disk):
    """To the last page."""
    with suppress(OSError), (disk / "filler").open("wb", 0) as filler:
        while filler.write(b"x" * 4096):
            pass


@pytest.mark.parametrize("shell", SHELLS)
def test_a_disk_that_others_fill_stops_it_with_what_is_there(leaker, small_disk, shell):
    words = ("--seconds", "50", *GENEROUS, "--out", small_disk / "it", leaker.pid)
    with capturing(shell, *words, cwd=small_disk) as run:
        under_way(small_disk / "it", 3)
        fill(small_disk)
        said, complaint = run.communicate(timeout=30)
    assert run.returncode == 3, said + complaint
    assert "the disk is full" in said
    left = "it.tar.gz" if (small_disk / "it.tar.gz").exists() else "it"
    assert len(open_recording(small_disk / left)) >= 3
    assert is_alive(leaker.pid)


def test_memory_is_no_place_for_it(leaker, small_disk):
    environment = {"PATH": os.environ["PATH"], "HOME": str(small_disk)}
    run = capture("dash", "--seconds", "0.4", leaker.pid, cwd=small_disk, env=environment)
    (line, *_) = run.stdout.splitlines()
    place = Path(line.partition(" to ")[2].partition(" (")[0])
    try:
        assert place.parent == Path("/var/tmp")
    finally:
        place.unlink()


def test_what_would_hold_up_the_process_is_left_out_and_said(tmp_path):
    code = """
import mmap
kept = [mmap.mmap(-1, 8192, prot=mmap.PROT_READ if n % 2 else mmap.PROT_READ | mmap.PROT_WRITE) for n in range(4000)]
"""
    with child(code) as running:
        run = capture(
            "dash", "--seconds", "1", "--stall", "10ms", *GENEROUS, "--out", "it", running.pid, cwd=tmp_path
        )  # fmt: skip
        assert run.returncode == 0 and "to spare it" in run.stdout
        found = diagnose(open_recording(tmp_path / "it.tar.gz"))
        assert any("allow that with --stall" in line for line in found.not_seen)


def test_it_stays_within_its_budget(leaker, tmp_path):
    """Start and end come on top in a watch as short as this; what is between is judged."""
    run = capture("dash", "--seconds", "6", "--out", "it", leaker.pid, cwd=tmp_path)
    assert run.returncode == 0
    recording = open_recording(tmp_path / "it.tar.gz")
    cost = [sample.cpu_seconds for sample in recording.samples[1:-1]]
    # CPU time comes in hundredths of a second; a look and a look around are paid for when they are done
    assert sum(cost) <= 0.01 * recording.seconds + 2 * max(cost) + 0.01


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "which process"),
        (["0"], "no pid"),
        (["abc"], "no pid"),
        (["999999999"], "no process"),
        (["1", "2"], "one process"),
        (["--seconds"], "lacks its value"),
        (["--seconds", "x", "1"], "write a time"),
        (["--seconds", "0", "1"], "more than zero"),
        (["--cap", "1k", "1"], "at least"),
        (["--budget", "2", "1"], "share of a core"),
        (["--colour", "1", "1"], "unknown"),
        (["--out", "/nowhere/it", "{pid}"], "cannot be made"),
    ],
)
def test_what_cannot_be_done_is_one_line(leaker, tmp_path, words, says):
    words = [word.format(pid=leaker.pid) for word in words]
    for shell in SHELLS:
        run = capture(shell, *words, cwd=tmp_path)
        assert (run.returncode, run.stdout) == (2, "")
        assert says in run.stderr and run.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_recording_is_never_overwritten(leaker, tmp_path):
    (tmp_path / "it.tar.gz").write_bytes(b"mine")
    run = capture("dash", "--out", "it", leaker.pid, cwd=tmp_path)
    assert run.returncode == 2 and "exists already" in run.stderr
    assert (tmp_path / "it.tar.gz").read_bytes() == b"mine"


def test_environ_and_cmdline_are_not_in_it(tmp_path):
    secret = "a-word-of-nobodys"
    with child("pass", env={**os.environ, "SECRET": secret}) as running:
        assert (
            capture("dash", "--seconds", "0.4", "--out", "it", running.pid, cwd=tmp_path).returncode
            == 0
        )
    recording = open_recording(tmp_path / "it.tar.gz")
    texts = b"".join(text for sample in recording for text in sample.texts.files.values())
    assert secret.encode() not in texts + json.dumps(recording.header.target).encode()
    assert not any(
        "environ" in name or "cmdline" in name for s in recording for name in s.texts.files
    )


@pytest.mark.needs("shellcheck")
def test_shellcheck_finds_nothing():
    # 2015: `a && b || die` is meant; 2089, 2090: JSON is no command
    asked = ["shellcheck", "-s", "sh", "-e", "SC2015,SC2089,SC2090", str(SCRIPT)]
    assert subprocess.run(asked, capture_output=True, text=True).stdout == ""
