"""Whatever is killed, nothing of a run stays behind. All kills are kill -9, by pid."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

import memlab
from memlab.errors import Gone
from memlab.lab import experiment as experiments
from memlab.lab.experiment import Experiment, start
from memlab.lab.registry import get
from memlab.lab.sweep import sweep
from memlab.observe.files import open_recording
from tests.lab.remains import guard_of, remains, run_id_of, supervisor_of
from tests.waiting import until

pytestmark = pytest.mark.live
HERE = Path(__file__).parent


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def gone(run_id):
    until(lambda: not remains(run_id))


def foreign(*argv, cap="8MiB"):
    """A program that is no leaker, in the same box."""
    options = {"cap": cap}
    guard = experiments.spawn(get("heap"), [sys.executable, "-S", "-E", *argv], options)
    run = Experiment(get("heap"), "python", guard)
    run.wait(lambda: run.ready and run.box)
    return run


@pytest.mark.parametrize("who", ["leaker", "supervisor", "guard"])
@pytest.mark.parametrize("name", ["heap", "tmpfs"])
def test_any_one_of_them_killed_leaves_nothing(who, name):
    run = start(name, rate="4MiB/s", cap="32MiB")
    run_id, leaker = run_id_of(run), run.pid
    assert remains(run_id), "there is something to be cleaned"
    run.wait(lambda: run.ledger)
    kill({"leaker": leaker, "supervisor": supervisor_of(run), "guard": guard_of(run)}[who])
    until(lambda: not run.alive)
    gone(run_id)
    assert not Path(f"/proc/{leaker}").exists()


def test_guard_and_supervisor_killed_at_once_are_swept_by_the_next_start():
    run = start("tmpfs", rate="4MiB/s", cap="32MiB")
    run_id, supervisor = run_id_of(run), supervisor_of(run)
    os.kill(guard_of(run), signal.SIGSTOP)  # so that it cannot react between the two kills
    kill(supervisor)
    kill(guard_of(run))
    until(lambda: not run.alive)
    with start("heap", paused=True):
        gone(run_id)


def test_the_leaker_dies_with_the_supervisor_without_any_help():
    """Guard and supervisor are both gone: only PDEATHSIG is left, and it works."""
    run = start("heap", paused=True)
    leaker, supervisor = run.pid, supervisor_of(run)
    os.kill(guard_of(run), signal.SIGSTOP)
    kill(supervisor)
    until(
        lambda: (
            not Path(f"/proc/{leaker}").exists() or "Z" in Path(f"/proc/{leaker}/stat").read_text()
        )
    )
    kill(guard_of(run))
    until(lambda: not run.alive)
    assert sweep()


def test_a_run_outlives_the_thread_that_started_it():
    """PDEATHSIG comes when a thread ends; a widget's callback runs on such a thread."""
    box = []
    thread = threading.Thread(target=lambda: box.append(start("heap", paused=True)))
    thread.start()
    thread.join()
    with box[0] as run:
        assert run.step(3)["count"] == 3
        assert run.alive


def test_the_death_of_the_caller_takes_everything_down():
    """The caller plays the notebook kernel: it starts from a thread that ends, and is killed."""
    code = (
        "import threading, time\n"
        "from memlab.lab.experiment import start\n"
        "def go():\n"
        "    global run\n"
        "    run = start('tmpfs', rate='4MiB/s', cap='32MiB')\n"
        "thread = threading.Thread(target=go); thread.start(); thread.join()\n"
        "run.wait(lambda: run.ledger)\n"
        "print(run.box['run'], run.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    run_id, leaker = caller.stdout.readline().split()
    assert Path(f"/proc/{leaker}").exists()
    assert remains(run_id)
    caller.kill()
    caller.communicate()
    gone(run_id)


def test_an_experiment_that_nobody_holds_any_more_ends():
    run = start("heap", paused=True)
    run_id = run_id_of(run)
    del run
    gone(run_id)


def test_children_that_try_to_get_away_are_ended_too():
    run = foreign(str(HERE / "forking_leaker.py"))
    run_id = run_id_of(run)
    until(lambda: len(remains(run_id)) >= 4)  # the leaker, two orphans, folder (and cgroup)
    kill(run.pid)
    until(lambda: not run.alive)
    gone(run_id)


@pytest.mark.parametrize("who", ["supervisor", "guard"])
def test_children_are_ended_whoever_is_killed(who):
    run = foreign(str(HERE / "forking_leaker.py"))
    run_id = run_id_of(run)
    until(lambda: len(remains(run_id)) >= 4)
    kill(supervisor_of(run) if who == "supervisor" else guard_of(run))
    until(lambda: not run.alive)
    gone(run_id)


def test_a_program_that_breaks_out_of_its_cap_is_killed():
    """8 MiB and a margin of 64 MiB: the box holds whatever the program says of itself."""
    run = foreign(str(HERE / "forking_leaker.py"), "greedy")
    run_id = run_id_of(run)
    until(lambda: not run.alive, seconds=30)
    killed = [event for event in run.events if event["event"] in ("killed", "exit")]
    assert killed[0].get("reason") in ("cap", "oom"), killed
    gone(run_id)


def test_steering_a_dead_leaker_says_that_it_has_ended():
    run = start("heap", paused=True)
    kill(run.pid)
    until(lambda: not run.alive)
    with pytest.raises(Gone, match="heap has ended"):
        run.step()
    run.stop()  # and stopping it again is no error


def test_thirty_runs_side_by_side_do_not_disturb_each_other():
    runs = [start("heap", paused=True, cap="8MiB") for _ in range(10)]
    try:
        assert sweep() == []
        for number, run in enumerate(runs, 1):
            assert run.step(number)["count"] == number
    finally:
        ids = [run_id_of(run) for run in runs]
        for run in runs:
            run.stop()
    assert [remains(run_id) for run_id in ids] == [[]] * 10


def kill_round(chance, folder):
    """One run that is recorded, a kill -9 at a random moment, and a look at what is left."""
    name = chance.choice(["heap", "anonymous", "tmpfs", "thread-stack"])
    run = start(
        name,
        lang=chance.choice(["c", "python"]),
        rate="20/s",
        cap="64MiB" if name != "thread-stack" else "1GiB",
    )
    run_id = run_id_of(run)
    path = folder / f"{run_id}.tar.gz"
    sampler = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "memlab.cli.main",
            "record",
            str(run.pid),
            "-o",
            str(path),
            "--interval",
            "0.02",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: path.exists() and path.stat().st_size)
    victims = {
        "sampler": [sampler.pid],
        "leaker": [run.pid],
        "supervisor": [supervisor_of(run)],
        "guard": [guard_of(run)],
        "both": [guard_of(run), supervisor_of(run)],
    }
    until_then = time.monotonic() + chance.uniform(0, 1.5)
    until(lambda: time.monotonic() >= until_then)
    who = chance.choice(list(victims))
    for pid in victims[who]:
        kill(pid)
    if who == "sampler":
        run.stop()
    sampler.wait()
    until(lambda: not run.alive)
    sweep()
    gone(run_id)
    recording = open_recording(path)
    assert [sample.index for sample in recording] == list(range(len(recording)))
    assert bool(recording.losses) == (who == "sampler"), (
        "a killed recorder is reported, others close their file"
    )


def test_kill_at_random_moments_leaves_nothing(tmp_path):
    for seed in range(12):
        kill_round(random.Random(seed), tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_two_hundred_kills_at_random_moments_leave_nothing(tmp_path):
    for seed in range(1000, 1200):
        kill_round(random.Random(seed), tmp_path)


def python_for_everybody():
    """A Python that an ordinary user may run: the one of a venv below /root is not."""
    for candidate in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        with suppress(OSError):
            asked = subprocess.run([candidate, "-c", "import sys; assert sys.version_info >= (3, 11)"],
                                   user=65534, group=65534, capture_output=True, check=False)  # fmt: skip
            if asked.returncode == 0:
                return candidate
    return None


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become an ordinary user")
def test_an_ordinary_user_is_contained_by_rlimits():
    """As nobody, without a cgroup to make: the address space is the kernel's fence."""
    python = python_for_everybody()
    if python is None:
        pytest.skip("needs a Python 3.11 that an ordinary user may run")
    code = (
        "import glob\n"
        "from memlab.lab.experiment import start\n"
        "with start('heap', lang='python', paused=True, cap='8MiB') as run:\n"
        "    print(run.box['cgroup'], '|', run.box['why_no_cgroup'])\n"
        "    limits = open(f'/proc/{run.pid}/limits').read()\n"
        "    print([l for l in limits.splitlines() if 'address space' in l][0])\n"
        "    print(run.step(4)['leaked_bytes'])\n"
        "print(glob.glob('/dev/shm/*memlab-65534-*'))\n"
    )
    package = str(Path(memlab.__file__).parent.parent)
    said = subprocess.run([python, "-c", code], capture_output=True, text=True, user=65534, group=65534,
                          extra_groups=[], env={"PATH": os.environ["PATH"], "PYTHONPATH": package})  # fmt: skip
    assert said.returncode == 0, said.stderr
    group, limit, leaked, left = said.stdout.splitlines()
    assert group.startswith("None | no child group")
    assert "unlimited" not in limit.split("bytes")[0]
    assert (leaked, left) == (str(4 * 65536), "[]")
