"""A sweep takes all that a dead run left, and nothing of anybody else's, however it is called."""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys

import pytest

from memlab.lab import build
from memlab.lab.experiment import start
from memlab.lab.runs import SHM, Run, folders, living
from memlab.lab.sweep import left_alone, sweep, sweep_builds
from memlab.procfs import sysvipc_msg, sysvipc_shm
from memlab.procfs.host import Host
from tests.lab.foreign import misbehaving
from tests.lab.private import in_own_shm
from tests.lab.remains import gone, guard_of, is_zombie, remains, run_id_of, supervisor_of
from tests.sysv import LIBC
from tests.waiting import until

pytestmark = pytest.mark.live

UID = os.getuid()
ID = "0123456789ab"


def abandon(run):
    """Kill guard and supervisor so that neither can clean up: the leaker dies with them."""
    guard, supervisor = guard_of(run), supervisor_of(run)
    os.kill(guard, signal.SIGSTOP)
    for pid in (supervisor, guard):
        os.kill(pid, signal.SIGKILL)
    # the lock on the record goes with the last of them
    until(lambda: all(map(is_zombie, (guard, supervisor, run.pid))))


def shown(path=SHM):
    """Every name below, with what it is and says."""
    return {
        str(one): (one.lstat().st_mode, one.read_text() if one.is_file() else "")
        for one in sorted(path.rglob("*"))
    }


@in_own_shm
@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("tmpfs", "/files/leak"),
        ("tmpfs-files", "/files/0"),
        ("tmpfs-inodes", "/files/0"),
        ("shm", "System V segment "),
        ("shm-detached", "System V segment "),
        ("kernel-messages", "message queue "),
        ("shm-posix", ".0"),
        ("shm-posix-closed", ".0"),
        ("heap", ""),
        ("process-children", ""),
        ("memfd-parked", ""),
        ("kernel-bpf", ""),
    ],
)
def test_what_outlives_a_run_is_listed_and_removed(name, left):
    run = start(name, paused=True)
    run.step(3)
    run_id = run_id_of(run)
    abandon(run)
    before = shown()
    (listed,) = sweep(dry_run=True)
    assert listed.startswith(f"run {run_id} of {name} is dead and has left ")
    assert left in listed
    assert shown() == before, "only listed"
    (said,) = sweep()
    was, has = (
        f"run {run_id} of {name} is dead and has left",
        f"what run {run_id} of {name} had left:",
    )
    assert said == "removed " + listed.replace(was, has)
    gone(run_id)
    assert list(SHM.iterdir()) == []
    assert sweep() == sweep(dry_run=True) == []


@in_own_shm
def test_a_process_that_got_away_is_listed_and_ended():
    """One that left its family and its session, after guard and supervisor had been killed."""
    run = misbehaving()
    run_id = run_id_of(run)
    abandon(run)
    (listed,) = sweep(dry_run=True)
    assert "process " in listed
    assert "(python" in listed
    assert remains(run_id)
    assert sweep()
    gone(run_id)


@in_own_shm
def test_runs_that_live_are_left_alone():
    with start("tmpfs", paused=True, cap="8MiB") as run:
        run.step(2)
        assert sweep() == sweep(dry_run=True) == []
        assert run.step(2)["count"] == 4


def record(place, **changes):
    """A folder with a record as a run of ID would have it, but for the changes."""
    place.mkdir(exist_ok=True)
    run = {"id": ID, "folder": str(SHM / f"memlab-{UID}-{ID}"), "resident": 1, **changes}
    (place / "record.json").write_text(json.dumps(run))


@in_own_shm
def test_what_is_only_called_like_a_run_is_left_alone(tmp_path):
    precious = tmp_path / "precious"
    (precious / "files").mkdir(parents=True)
    (precious / "files" / "thesis").write_text("years of work")
    record(precious)
    look_alikes = [
        SHM / f"memlab-{UID}-notes",
        SHM / f"memlab-{UID}-{ID[:-1]}",
        SHM / f"memlab-{UID}-{ID}0",
        SHM / f"memlab-{UID}-{ID.upper()}",
        SHM / f"memlab-{UID}-{ID}.backup",
        SHM / "memlab-results",
        SHM / f".memlab-{UID}-cache",
    ]
    for folder in look_alikes:
        record(folder)
        (folder / "files").mkdir()
        (folder / "files" / "data").write_text("data")
    (SHM / f"memlab-{UID}-aaaaaaaaaaaa").write_text("a file, no folder")
    (SHM / f"memlab-{UID}-{ID}").symlink_to(precious)
    os.mkfifo(SHM / f".memlab-{UID}-bbbbbbbbbbbb")
    for path in SHM.iterdir():
        os.utime(path, (0, 0), follow_symlinks=False)
    before, kept = shown(), shown(tmp_path)
    assert list(folders()) == []
    assert list(living()) == []
    assert sweep() == sweep(dry_run=True) == []
    assert (shown(), shown(tmp_path)) == (before, kept)


@in_own_shm
def test_a_folder_without_a_record_is_left_alone_when_anything_is_in_it():
    mine = SHM / f"memlab-{UID}-{ID}"
    half = SHM / f".memlab-{UID}-{ID}"
    for folder, name in ((mine, "notes"), (half, "files/notes")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("kept")
        os.utime(folder, (0, 0))
    before = shown()
    assert sweep() == []
    assert shown() == before


@in_own_shm
def test_a_run_that_was_never_finished_is_removed_after_a_minute():
    half = SHM / f".memlab-{UID}-{ID}"
    (half / "files").mkdir(parents=True)
    (half / "record.json").write_text("")
    assert sweep() == []
    os.utime(half, (0, 0))
    assert sweep(dry_run=True) == [f"would remove {half}, which was never finished"]
    assert sweep() == [f"removed {half}, which was never finished"]
    assert list(SHM.iterdir()) == []


@in_own_shm
@pytest.mark.parametrize("change", [
    {"folder": "ELSEWHERE"}, {"id": "ffffffffffff"}, {"cgroup": "/sys/fs/cgroup/memory/other"},
    {"cgroup": "memlab-" + ID}, {"resident": "much"}, {"leaker": "all"}, {"owner": "somebody"},
])  # fmt: skip
def test_a_record_that_does_not_fit_its_folder_removes_nothing(tmp_path, change):
    precious = tmp_path / "precious"
    (precious / "files").mkdir(parents=True)
    (precious / "files" / "thesis").write_text("years of work")
    folder = SHM / f"memlab-{UID}-{ID}"
    record(folder, **{k: str(precious) if v == "ELSEWHERE" else v for k, v in change.items()})
    before, kept = shown(), shown(tmp_path)
    assert sweep() == [f"left alone: {folder} holds no record of a run, remove it by hand"]
    assert (shown(), shown(tmp_path)) == (before, kept)


@in_own_shm
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "no JSON", "a list"])
def test_what_is_no_record_is_neither_followed_nor_waited_for(tmp_path, kind):
    folder = SHM / f"memlab-{UID}-{ID}"
    folder.mkdir()
    path = folder / "record.json"
    if kind == "link":
        record(tmp_path)
        path.symlink_to(tmp_path / "record.json")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_text({"no JSON": "{", "a list": "[1]"}[kind])
    os.utime(folder, (0, 0))
    assert list(living()) == []
    sweep()
    assert os.path.lexists(path)


@in_own_shm
def test_another_users_folder_is_neither_read_nor_removed():
    if UID != 0:
        pytest.skip("needs root, to make something of another user's")
    folder = SHM / f"memlab-{UID}-{ID}"
    record(folder)
    (folder / "files").mkdir()
    os.chown(folder, 65534, 65534)
    assert sweep() == []
    with (folder / "record.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert list(living()) == []
    assert (folder / "files").is_dir()


def keys_of(run_id):
    return Run(run_id, "", 0).keys


@in_own_shm
def test_a_segment_or_queue_with_a_key_of_the_run_and_another_maker_is_left_alone():
    """The keys of a run are 65,536 numbers that anybody may use."""
    run = start("shm", paused=True, cap="8MiB")
    run.step(2)
    keys = keys_of(run_id_of(run))
    foreign = LIBC.shmget(ctypes.c_int(keys.start + 60_000), ctypes.c_size_t(4096), 0o1600)
    queue = LIBC.msgget(ctypes.c_int(keys.start + 60_001), 0o1600)
    message = ctypes.create_string_buffer(b"\1" + bytes(7) + b"text", 12)
    try:
        assert foreign >= 0
        assert LIBC.msgsnd(queue, message, 4, 0) == 0
        mine = [one.shmid for one in sysvipc_shm.read(Host()) if one.cpid == run.pid]
        assert len(mine) == 2
        abandon(run)
        assert sweep()
        left = {one.shmid for one in sysvipc_shm.read(Host())}
        assert foreign in left
        assert not left & set(mine)
        assert queue in {one.msqid for one in sysvipc_msg.read(Host())}
    finally:
        LIBC.shmctl(foreign, 0, None)
        LIBC.msgctl(queue, 0, None)


@in_own_shm
def test_shared_memory_that_only_begins_like_the_runs_is_left_alone(tmp_path):
    run = start("shm-posix-closed", paused=True, cap="8MiB")
    run.step(1)
    run_id = run_id_of(run)
    other = SHM / f"memlab-{UID}-{run_id}x"
    other.write_text("kept")
    link = SHM / f"memlab-{UID}-{run_id}.link"
    (tmp_path / "target").write_text("kept")
    link.symlink_to(tmp_path / "target")
    abandon(run)
    assert sweep()
    assert sorted(SHM.iterdir()) == sorted([other, link])
    assert (tmp_path / "target").read_text() == "kept"


@in_own_shm
def test_a_process_that_only_speaks_of_the_run_is_left_alone():
    """The tag counts in the environment that a process was given, not in its arguments."""
    run = start("heap", paused=True)
    run_id = run_id_of(run)
    code = "import sys; print('ready', flush=True); sys.stdin.read()"
    speaks = subprocess.Popen(
        [sys.executable, "-c", code, f"MEMLAB_RUN={run_id}"],
        env={**os.environ, "NOTE": f"MEMLAB_RUN={run_id}", "MEMLAB_RUN": run_id + "0"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert speaks.stdout.readline() == "ready\n"
        abandon(run)
        assert sweep()
        assert speaks.poll() is None
    finally:
        speaks.communicate()
    gone(run_id)


@in_own_shm
def test_what_was_run_by_hand_is_named_and_left_alone():
    by_hand = SHM / "memlab-by-hand-abcdef"
    by_hand.mkdir()
    (SHM / "memlab-by-hand-17.0").write_text("segment")
    assert sweep() == []
    said = left_alone()
    assert [str(by_hand) in line or "17.0" in line for line in said] == [True, True]
    assert by_hand.is_dir()


def test_a_build_that_was_killed_is_removed_and_one_that_goes_on_is_not(tmp_path, monkeypatch):
    """The compiler is killed with its caller, as when a terminal is closed with kill -9."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiler = tmp_path / "cc"
    compiler.write_text('#!/bin/sh\ntouch "$TMPDIR/ccX.s"\necho begun >&2\nexec sleep 60\n')
    compiler.chmod(0o755)
    code = "from memlab.lab.build import program; program('heap')"
    building = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "CC": str(compiler)},
        start_new_session=True,
    )  # fmt: skip
    try:
        until(lambda: list(tmp_path.glob("memlab/leakers/*/begun-*/ccX.s")))
        assert sweep_builds() == sweep_builds(dry_run=True) == []
    finally:
        os.killpg(building.pid, signal.SIGKILL)
        building.wait()
    (begun,) = tmp_path.glob("memlab/leakers/*/begun-*")
    (begun.parent / "begin").write_text("not a folder of a build")
    assert sweep_builds(dry_run=True) == [f"would remove {begun}, which a compiler had begun"]
    assert begun.is_dir()
    assert sweep_builds() == [f"removed {begun}, which a compiler had begun"]
    assert sorted(path.name for path in begun.parent.iterdir()) == ["begin", "lock"]
    assert list(build.abandoned()) == []


def test_a_link_in_the_cache_is_no_build(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "memlab" / "leakers" / "0123"
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    (tmp_path / "precious").mkdir()
    (folder / "begun-abc").symlink_to(tmp_path / "precious")
    assert sweep_builds() == []
    assert (tmp_path / "precious").is_dir()
