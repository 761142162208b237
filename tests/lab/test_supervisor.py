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

from memlab.errors import Gone
from memlab.lab.experiment import start
from memlab.lab.runs import living
from memlab.lab.sweep import sweep
from memlab.observe.files import open_recording
from tests.lab.foreign import misbehaving
from tests.lab.ordinary import as_nobody, as_root
from tests.lab.remains import gone, guard_of, is_zombie, remains, run_id_of, supervisor_of
from tests.waiting import until

pytestmark = pytest.mark.live


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def kill_both(run):
    """Guard and supervisor, so that neither can react to the other's end."""
    guard, supervisor = guard_of(run), supervisor_of(run)
    os.kill(guard, signal.SIGSTOP)
    kill(supervisor)
    kill(guard)


@pytest.mark.parametrize("who", ["leaker", "supervisor", "guard"])
@pytest.mark.parametrize("lang", ["c", "python"])
@pytest.mark.parametrize("name", ["heap", "tmpfs"])
def test_any_one_of_them_killed_leaves_nothing(who, name, lang):
    run = start(name, lang, rate="4MiB/s", cap="32MiB")
    run_id, leaker = run_id_of(run), run.pid
    assert remains(run_id), "there is something to be cleaned"
    run.wait(lambda: run.ledger)
    kill({"leaker": leaker, "supervisor": supervisor_of(run), "guard": guard_of(run)}[who])
    until(lambda: not run.alive)
    gone(run_id)
    assert is_zombie(leaker)


def test_guard_and_supervisor_killed_at_once_are_swept_by_the_next_start():
    run = start("tmpfs", rate="4MiB/s", cap="32MiB")
    run_id = run_id_of(run)
    kill_both(run)
    until(lambda: not run.alive)
    with start("heap", paused=True):
        gone(run_id)


def test_the_leaker_dies_with_the_supervisor_without_any_help():
    """The guard is stopped, and then killed too: only PDEATHSIG is left, and it works."""
    run = start("heap", paused=True)
    run_id, leaker = run_id_of(run), run.pid
    os.kill(guard_of(run), signal.SIGSTOP)
    kill(supervisor_of(run))
    until(lambda: is_zombie(leaker))
    kill(guard_of(run))
    until(lambda: not run.alive)
    sweep()
    gone(run_id)


def test_a_run_outlives_the_thread_that_started_it():
    """PDEATHSIG comes when a thread ends; a widget's callback runs on such a thread."""
    box = []
    thread = threading.Thread(target=lambda: box.append(start("heap", paused=True)))
    thread.start()
    thread.join()
    with box[0] as run:
        assert run.step(3)["count"] == 3
        assert run.alive


CALLER = """
import os, signal, threading, time
from memlab.lab.experiment import start
def go():
    global run
    run = start("tmpfs", rate="4MiB/s", cap="32MiB")
thread = threading.Thread(target=go); thread.start(); thread.join()
run.wait(lambda: run.ledger)
print(run.box["run"], run.pid, flush=True)
"""


def caller(then):
    """A process that plays the notebook kernel; returns it with its run and its leaker's pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", CALLER + then], stdout=subprocess.PIPE, text=True
    )
    run_id, leaker = process.stdout.readline().split()
    return process, run_id, int(leaker)


def test_the_death_of_the_caller_takes_everything_down():
    process, run_id, leaker = caller("time.sleep(60)")
    assert Path(f"/proc/{leaker}").exists()
    assert remains(run_id)
    process.kill()
    process.communicate()
    gone(run_id)


@pytest.mark.parametrize(
    "then",
    ["", "raise SystemExit(3)", "1 / 0", "os._exit(0)", "os.kill(os.getpid(), signal.SIGTERM)"],
    ids=["end", "exit", "error", "os._exit", "SIGTERM"],
)
def test_a_caller_that_ends_by_itself_takes_everything_down(then):
    process, run_id, _ = caller(then)
    process.communicate()
    gone(run_id)


def test_a_caller_that_dies_right_after_the_start_takes_everything_down():
    code = (
        "import os, json, signal\n"
        "from memlab.lab import experiment, registry\n"
        "guard = experiment.spawn(registry.get('heap'), ['/bin/sleep', '60'], {})\n"
        "print(json.loads(guard.args[-1])['run_id'], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    gone(said.stdout.strip())


def test_a_child_that_the_caller_forked_leaves_the_run_alone():
    with start("heap", paused=True) as run:
        child = os.fork()
        if child == 0:
            run._finalizer()  # what garbage collection and the end of the interpreter do
            os._exit(0)
        os.waitpid(child, 0)
        assert run.step(1)["count"] == 1


def test_the_pipes_do_not_leak_into_other_children():
    with start("heap", paused=True) as run:
        assert not os.get_inheritable(run._guard.stdin.fileno())
        assert not os.get_inheritable(run._guard.stdout.fileno())


def test_an_experiment_that_nobody_holds_any_more_ends():
    run = start("heap", paused=True)
    run_id = run_id_of(run)
    del run
    gone(run_id)


@pytest.mark.parametrize(
    ("does", "who"),
    [
        ("", "leaker"),
        ("", "supervisor"),
        ("", "guard"),
        ("", "both"),
        # with both killed at once nobody is left who could stop a process that forks all the time
        ("comet", "leaker"),
        ("comet", "supervisor"),
        ("comet", "guard"),
    ],
)
def test_children_that_try_to_get_away_are_ended_too(does, who):
    run = misbehaving(does)
    run_id = run_id_of(run)
    until(lambda: len([line for line in remains(run_id) if line.startswith("process")]) >= 3)
    if who == "both":
        kill_both(run)
        until(lambda: sweep() or not remains(run_id))
    else:
        kill({"leaker": run.pid, "supervisor": supervisor_of(run), "guard": guard_of(run)}[who])
    until(lambda: not run.alive)
    gone(run_id)


@pytest.mark.parametrize("does", ["greedy", "many", "files"])
def test_a_program_that_breaks_out_of_its_cap_is_killed(does):
    """8 MiB and a margin of 64 MiB: the box holds whatever the program says of itself."""
    run = misbehaving(does, name="tmpfs")
    run_id = run_id_of(run)
    until(lambda: not run.alive, seconds=30)
    killed = [event for event in run.events if event["event"] in ("killed", "exit")]
    assert killed[0].get("reason") in ("cap", "oom"), killed
    gone(run_id)
    with pytest.raises(Gone, match="broke out of its box"):
        run.wait(lambda: False)


def test_the_last_words_of_a_program_are_kept():
    run = misbehaving("loud")
    until(lambda: not run.alive)
    (ended,) = [event for event in run.events if event["event"] == "exit"]
    assert ended["status"] == 2
    assert ended["stderr"].endswith("more words\nlast words")
    assert 4000 < len(ended["stderr"]) <= 4096


def test_steering_a_dead_leaker_says_that_it_has_ended():
    run = start("heap", paused=True)
    kill(run.pid)
    until(lambda: not run.alive)
    with pytest.raises(Gone, match=r"heap has ended .killed by SIGKILL"):
        run.step()
    run.stop()  # and stopping it again is no error


def test_ten_runs_side_by_side_do_not_disturb_each_other():
    runs = [start("heap", paused=True, cap="8MiB") for _ in range(10)]
    ids = [run_id_of(run) for run in runs]
    try:
        sweep()
        assert {run.id for run in living()} >= set(ids)
        for number, run in enumerate(runs, 1):
            assert run.step(number)["count"] == number
    finally:
        for run in runs:
            run.stop()
    for run_id in ids:
        gone(run_id)


def test_what_lies_in_the_working_folder_is_not_imported(tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    code = (
        "import os, sys\n"
        "from memlab.lab.experiment import start\n"
        "os.chdir(sys.argv[1])\n"
        "with start('heap', paused=True) as run:\n"
        "    print(run.step(2)['count'])\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    assert said.stdout == "2\n", said.stderr


def test_a_lower_limit_of_the_caller_stays():
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "from memlab.lab.experiment import start\n"
        "with start('thread-stack', paused=True, cap='2GiB') as run:\n"
        "    limits = open(f'/proc/{run.pid}/limits').read().splitlines()\n"
        "    print([line.split()[-3:] for line in limits if 'address space' in line][0])\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said.stdout.strip() == str([str(1 << 30), str(1 << 30), "bytes"]), said.stderr


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
    record = [sys.executable, "-m", "memlab.cli.main", "record", str(run.pid), "-o", str(path)]
    sampler = subprocess.Popen(
        [*record, "--interval", "0.02"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
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
        with suppress(ProcessLookupError):  # the first of both may have been answered already
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


def start_and_kill_during_it(chance):
    """A caller that dies, or whose guard is killed, while the run is being set up."""
    code = (
        "import json, os, signal, sys, time\n"
        "from memlab.lab import experiment, registry\n"
        "guard = experiment.spawn(registry.get('heap'), ['/bin/sleep', '60'], {})\n"
        "print(json.loads(guard.args[-1])['run_id'], flush=True)\n"
        "time.sleep(float(sys.argv[1]))\n"
        "os.kill(guard.pid if sys.argv[2] == 'guard' else os.getpid(), signal.SIGKILL)\n"
    )
    delay, who = str(chance.uniform(0, 0.15)), chance.choice(["guard", "caller"])
    said = subprocess.run(
        [sys.executable, "-c", code, delay, who], stdout=subprocess.PIPE, text=True
    )
    run_id = said.stdout.strip()
    left = [line for line in remains(run_id) if "/." not in line]
    until(lambda: sweep() or not [line for line in remains(run_id) if "/." not in line])
    return left


def test_kills_during_the_start_leave_nothing_that_a_sweep_does_not_take():
    for seed in range(12):
        start_and_kill_during_it(random.Random(seed))


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_two_hundred_kills_during_the_start_leave_nothing():
    for seed in range(1000, 1200):
        start_and_kill_during_it(random.Random(seed))


@as_root
def test_an_ordinary_user_is_contained_by_rlimits():
    """As nobody, without a cgroup to make: the address space is the kernel's fence."""
    group, limit, leaked, run_id = as_nobody(
        "from memlab.lab.experiment import start\n"
        "with start('heap', lang='python', paused=True, cap='8MiB') as run:\n"
        "    print(run.box['cgroup'], '|', run.box['why_no_cgroup'])\n"
        "    limits = open(f'/proc/{run.pid}/limits').read()\n"
        "    print([l for l in limits.splitlines() if 'address space' in l][0])\n"
        "    print(run.step(4)['leaked_bytes'])\n"
        "    print(run.box['run'])\n"
    )
    assert group.startswith("None | no child group")
    assert "unlimited" not in limit.split("bytes")[0]
    assert leaked == str(4 * 65536)
    gone(run_id)


@as_root
@pytest.mark.parametrize("who", ["leaker", "supervisor", "guard", "caller"])
def test_kills_leave_nothing_of_an_ordinary_user_either(who):
    (run_id,) = as_nobody(
        "import os, signal\n"
        "from memlab.lab.experiment import start\n"
        "run = start('tmpfs', lang='python', rate='4MiB/s', cap='32MiB')\n"
        "run.wait(lambda: run.ledger)\n"
        "print(run.box['run'], flush=True)\n"
        "guard = run._guard.pid\n"
        "supervisor = int(open(f'/proc/{guard}/task/{guard}/children').read())\n"
        "pids = dict(leaker=run.pid, supervisor=supervisor, guard=guard)\n"
        f"if {who!r} == 'caller':\n"
        "    os._exit(0)\n"
        f"os.kill(pids[{who!r}], signal.SIGKILL)\n"
        "run._over_within(10)\n"
        "assert not run.alive\n"
    )
    gone(run_id)


@as_root
@pytest.mark.parametrize("does", ["greedy", "many", "files"])
def test_the_box_of_an_ordinary_user_holds_without_a_cgroup(does):
    misbehaving_py = Path(__file__).parent / "misbehaving.py"
    reason, run_id = as_nobody(
        "import sys, time\n"
        "from memlab.lab.experiment import Experiment, spawn\n"
        "from memlab.lab.registry import get\n"
        f"argv = [sys.executable, '-S', '-E', {str(misbehaving_py)!r}, {does!r}]\n"
        "run = Experiment(get('tmpfs'), 'python', spawn(get('tmpfs'), argv, {'cap': '8MiB'}))\n"
        "run._over_within(30)\n"
        "assert not run.alive\n"
        "killed = [e for e in run.events if e['event'] in ('killed', 'exit')]\n"
        "print(killed[0].get('reason') or killed[0]['stderr'].splitlines()[-1])\n"
        "print(run.box['run'])\n"
    )
    # the supervisor looks ten times a second; one process alone may meet RLIMIT_AS before that
    assert reason in ("cap", "MemoryError"), reason
    gone(run_id)
