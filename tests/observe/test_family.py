"""A process and its descendants, found as they come."""

import os
import subprocess
import sys

import pytest

from memlab.model.diagnosis import Need
from memlab.observe.family import Family
from memlab.observe.live import watch_family
from tests.waiting import until

pytestmark = pytest.mark.live
CODE = """
import os, sys
for line in sys.stdin:
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        if line == "twice\\n" and os.fork() == 0:
            print(os.getpid(), flush=True)
        sys.stdin.read()
        os._exit(0)
"""


@pytest.fixture
def parent():
    process = subprocess.Popen(
        [sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.stdin.close()
    process.wait()
    process.stdout.close()


def fork(parent, twice=False):
    parent.stdin.write("twice\n" if twice else "once\n")
    parent.stdin.flush()
    return {int(parent.stdout.readline()) for _ in range(1 + twice)}


def test_descendants_are_found_when_they_are_born(parent):
    family = Family(parent.pid, budget=0.06)
    assert [one.pid for one in family.find()] == [parent.pid]
    assert family.find() == []
    born = fork(parent, twice=True)
    assert {one.pid for one in family.find()} == born
    assert set(family.members) == {parent.pid, *born}
    assert family.members[parent.pid]._mappings.share == pytest.approx(0.02 * 0.4)


def test_all_are_watched_until_all_have_ended(parent):
    first = fork(parent)
    seen = {}
    for sampler, sample in watch_family(Family(parent.pid, budget=1.0), interval=0.02):
        seen.setdefault(sampler.pid, []).append(sample)
        if len(seen) == 2 and all(len(samples) > 3 for samples in seen.values()):
            parent.stdin.close()  # all of them end
    assert seen.keys() == {parent.pid, *first}
    assert all(samples[0].has_mappings for samples in seen.values())


def test_a_judge_ends_the_watch_of_one(parent):
    (child,) = fork(parent)
    until(lambda: Family(parent.pid).find())

    def judge(_looked, now):
        return Need.STOP if now.pid == parent.pid else Need.GO_ON

    watched = watch_family(Family(parent.pid), interval=0.02, seconds=0.5, judge=judge)
    pids = [sampler.pid for sampler, _ in watched]
    assert pids.count(parent.pid) == 1
    assert pids.count(child) > 3


def test_who_looks_is_not_looked_at():
    """memlab in a shell, asked about that shell's tree, is a part of it, and grows as it begins to look."""
    code = "import os; from memlab.observe.family import Family; family = Family(os.getppid()); family.find()"
    code += "; print(os.getpid() in family.members)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert os.getpid() in Family(os.getpid()).members
