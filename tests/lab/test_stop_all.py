"""`memlab leak --stop-all` and `memlab sweep`: every leaker of this user ends, in order, and is named."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import memlab
from memlab.lab.experiment import start
from memlab.lab.runs import SHM
from memlab.lab.stop import stop_all
from tests.lab.private import in_own_shm
from tests.lab.remains import gone, guard_of, run_id_of, supervisor_of
from tests.lab.test_sweep import abandon
from tests.waiting import until

pytestmark = pytest.mark.live

PACKAGE = str(Path(memlab.__file__).parent.parent)


def memlab_says(*words):
    """(exit status, stdout, stderr) of the command."""
    done = subprocess.run(
        [sys.executable, "-m", "memlab.cli.main", *words], capture_output=True, text=True, cwd=PACKAGE,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@in_own_shm
def test_every_leaker_ends_in_order_and_is_named():
    runs = [
        start("heap", paused=True),
        start("tmpfs", "python", rate="4MiB/s"),
        start("process-children", rate="10/s"),
    ]
    status, said, complaint = memlab_says("leak", "--stop-all")
    assert status == 2
    assert "would end 3 leakers of your user, whoever started them: --yes" in complaint
    assert sorted(said.splitlines()) == sorted(f"{r.leaker.name}, pid {r.pid}" for r in runs)
    assert all(run.alive for run in runs)
    status, said, _ = memlab_says("leak", "--stop-all", "--yes")
    assert status == 0
    assert sorted(said.splitlines()) == sorted(
        f"ended {run.leaker.name}, pid {run.pid}" for run in runs
    )
    for run in runs:
        until(lambda run=run: not run.alive)
        assert run._events.last("end")["reason"] == "signal", "it had its last word"
        gone(run_id_of(run))
    assert list(SHM.iterdir()) == []
    assert memlab_says("leak", "--stop-all") == (0, "no leaker of yours runs\n", "")


@in_own_shm
def test_a_leaker_in_another_terminal_ends_with_its_command():
    other = subprocess.Popen(
        [sys.executable, "-m", "memlab.cli.main", "leak", "heap"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=PACKAGE,
    )  # fmt: skip
    heard = [json.loads(other.stdout.readline()) for _ in range(2)]
    (ready,) = [event for event in heard if event["event"] == "ready"]
    assert stop_all() == [f"ended heap, pid {ready['pid']}"]
    out, _ = other.communicate(timeout=20)
    assert other.returncode == 0
    events = [json.loads(line) for line in out.splitlines()]
    assert events[-1] == {"event": "exit", "status": 0, "stderr": ""}


@in_own_shm
@pytest.mark.parametrize("stopped", ["leaker", "supervisor", "guard", "both", "all"])
def test_what_was_stopped_ends_too(stopped):
    run = start("shm", paused=True)
    run.step(2)
    guard, supervisor, leaker = guard_of(run), supervisor_of(run), run.pid
    for pid in {
        "leaker": [leaker], "supervisor": [supervisor], "guard": [guard],
        "both": [guard, supervisor], "all": [guard, supervisor, leaker],
    }[stopped]:  # fmt: skip
        os.kill(pid, signal.SIGSTOP)
    assert stop_all(seconds=1) == [f"ended shm, pid {leaker}"]
    until(lambda: not run.alive)
    gone(run_id_of(run))


@in_own_shm
def test_another_users_leakers_are_not_stopped():
    if os.getuid() != 0:
        pytest.skip("needs root, to become another user")
    with start("heap", paused=True) as run:
        child = os.fork()
        if child == 0:
            os.setresuid(65534, 65534, 65534)
            os._exit(len(stop_all(seconds=1)))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert run.step()["count"] == 1


@in_own_shm
def test_a_process_that_only_uses_the_record_is_not_stopped():
    run = start("heap", paused=True)
    folder = SHM / f"memlab-{os.getuid()}-{run_id_of(run)}"
    code = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(folder / "record.json")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert reader.stdout.readline() == "open\n"
    for pid in (guard_of(run), supervisor_of(run)):
        os.kill(pid, signal.SIGSTOP)
    assert stop_all(seconds=1)
    assert reader.poll() is None
    reader.communicate()
    until(lambda: not run.alive)


@pytest.mark.parametrize("words", [("leak",), ("leak", "heap", "--stop-all")])
def test_one_name_or_all(words):
    status, said, complaint = memlab_says(*words)
    assert (status, said) == (2, "")
    assert complaint.startswith("memlab leak: give the NAME of one leaker, or --stop-all alone")


@in_own_shm
def test_sweep_says_what_it_finds_and_finds_it_once():
    run = start("tmpfs", paused=True, cap="8MiB")
    run.step(2)
    run_id = run_id_of(run)
    (SHM / "memlab-by-hand-7.0").write_text("")
    abandon(run)
    left = f"/dev/shm/memlab-{os.getuid()}-{run_id}/files/leak"
    status, said, _ = memlab_says("sweep", "--dry-run")
    listed, by_hand = said.splitlines()
    assert status == 0
    assert listed.startswith(f"run {run_id} of tmpfs is dead and has left {left}")
    assert by_hand.startswith("left alone: /dev/shm/memlab-by-hand-7.0")
    assert Path(left).exists()
    said = memlab_says("sweep")[1]
    assert said.startswith(f"removed what run {run_id} of tmpfs had left: {left}")
    gone(run_id)
    (SHM / "memlab-by-hand-7.0").unlink()
    assert memlab_says("sweep") == (0, "nothing is left of any run\n", "")
