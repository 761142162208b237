"""Random kills over the whole bank: whoever is killed, whenever, nothing of the run stays behind.

A round is a leaker that leaks as fast as it is asked to, and kill -9 for any of leaker, supervisor
and guard, alone, in pairs or all together. What nobody is left to clean, the next sweep takes.
"""

import os
import random
import signal
import time
from contextlib import suppress

import pytest

from memlab.lab.build import program
from memlab.lab.experiment import spawn, start
from memlab.lab.processes import descendants
from memlab.lab.registry import get, leakers
from memlab.lab.runs import SHM
from memlab.lab.sweep import sweep
from tests.lab.private import in_own_shm
from tests.lab.remains import gone, guard_of, is_zombie, remains, run_id_of, supervisor_of
from tests.waiting import until

pytestmark = pytest.mark.live

BANK = [(name, lang) for name, leaker in leakers().items() for lang in leaker.languages]
WHO = ("leaker", "supervisor", "guard")


def wait(seconds):
    deadline = time.monotonic() + seconds
    until(lambda: time.monotonic() >= deadline, every=0.001)


def kill(chance, pids):
    """Kill all, in any order; half of the time they are stopped first, so that none can react."""
    pids = chance.sample(pids, len(pids))
    together = chance.random() < 0.5
    for number in (signal.SIGSTOP, signal.SIGKILL) if together else (signal.SIGKILL,):
        for pid in pids:
            with suppress(ProcessLookupError):  # the end of another one took it along
                os.kill(pid, number)


def kill_round(seed):
    """One run of the bank and one kill, both by chance."""
    chance = random.Random(seed)
    name, lang = BANK[seed % len(BANK)]
    run = start(name, lang, rate=f"{chance.choice([20, 200, 2000])}/s")
    run_id = run_id_of(run)
    pids = {"leaker": run.pid, "supervisor": supervisor_of(run), "guard": guard_of(run)}
    wait(chance.uniform(0, 0.4))
    family = [*pids.values(), *descendants(run.pid)]
    kill(chance, [pids[who] for who in chance.sample(WHO, chance.randint(1, 3))])
    assert_nothing_is_left(run_id, family)


def start_round(seed):
    """A kill of the guard while it sets the run up, or of everything it has started by then."""
    chance = random.Random(seed)
    name, lang = BANK[seed % len(BANK)]
    guard = spawn(get(name), program(name, lang), {})
    run_id = next(word for word in guard.args[-1].split('"') if len(word) == 12)
    wait(chance.uniform(0, 0.15))
    family = [guard.pid, *descendants(guard.pid)]
    kill(chance, family[: chance.randint(1, len(family))])
    guard.communicate()
    assert_nothing_is_left(run_id, family)


def assert_nothing_is_left(run_id, family):
    """Of the run, and in the /dev/shm of this test; a sweep may have to come first."""
    until(lambda: not left_in_shm() or (sweep() and not left_in_shm()))
    gone(run_id)
    until(lambda: all(map(is_zombie, family)))
    assert not left_in_shm()


def left_in_shm():
    """Names of runs; one half made is swept only after a minute, and holds nothing."""
    return [path for path in SHM.iterdir() if not path.name.startswith(".")]


def half_made():
    """Each must be as empty as a sweep wants it."""
    folders = [path for path in SHM.iterdir() if path.name.startswith(".")]
    for folder in folders:
        os.utime(folder, (0, 0))
    return folders


def rounds(first, count):
    began = time.monotonic()
    for seed in range(first, first + count):
        try:
            (start_round if seed % 10 == 9 else kill_round)(seed)
        except Exception as error:
            raise AssertionError(f"the round of seed {seed}: {error}") from error
    half = half_made()
    assert len(sweep()) == len(half)
    assert list(SHM.iterdir()) == []
    print(
        f"{count} kills in {time.monotonic() - began:.0f} s, {len(half)} before a run had its name"
    )


# what each of these would leave, in the words of `remains`: the kernel takes nothing of it away
OUTLIVES = {
    "shm": "segment", "shm-detached": "segment", "kernel-messages": "queue",
    "shm-posix": "/dev/shm/", "shm-posix-closed": "/dev/shm/", "tmpfs": "/dev/shm/",
    "tmpfs-files": "/dev/shm/", "tmpfs-inodes": "/dev/shm/", "tmpfs-deleted": "/dev/shm/",
    "memfd": "process", "memfd-descriptor": "process", "memfd-parked": "process",
    "process-children": "process", "process-zombies": "process",
}  # fmt: skip


def test_every_leaker_that_survives_its_process_is_among_them():
    assert {name for name, one in leakers().items() if one.survives != "nothing"} <= set(OUTLIVES)


@in_own_shm
@pytest.mark.parametrize("who", [*((one,) for one in WHO), WHO], ids="+".join)
@pytest.mark.parametrize("name", OUTLIVES)
def test_what_outlives_its_process_is_taken_whoever_is_killed(name, who):
    run = start(name, paused=True)
    run.step(3)
    run_id = run_id_of(run)
    assert any(OUTLIVES[name] in thing for thing in remains(run_id))
    pids = {"leaker": run.pid, "supervisor": supervisor_of(run), "guard": guard_of(run)}
    family = [*pids.values(), *descendants(run.pid)]
    kill(random.Random(name), [pids[one] for one in who])
    if len(who) == 1:
        until(lambda: not run.alive)  # and no sweep
    assert_nothing_is_left(run_id, family)


@in_own_shm
def test_kills_at_random_moments_leave_nothing():
    rounds(0, 40)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@in_own_shm
def test_a_thousand_kills_over_the_whole_bank_leave_nothing():
    rounds(1000, 1000)
