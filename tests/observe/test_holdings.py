"""What every process holds in the kernel: counted of a process that takes more of each when it is told to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from memlab.model.holdings import looks, part_of
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.observe.behind import Behind
from memlab.observe.holdings import Holdings
from memlab.procfs import comm
from memlab.procfs.host import Host, Tee

TAKER = """
import os, threading, sys
pipes = []
for line in sys.stdin:
    if line.strip() == "descriptors":
        pipes += [os.pipe() for _ in range(10)]
    elif line.strip() == "thread":
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    elif line.strip() == "zombie":
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    print("done", flush=True)
"""


@pytest.fixture
def taker():
    with subprocess.Popen(
        [sys.executable, "-c", TAKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()
        process.wait(20)


def take(process, what):
    process.stdin.write(f"{what}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


class Watch:
    def __init__(self):
        self.holdings, self.behind = Holdings(Host(), 1.0, 0.0), Behind(Host(), 1.0, 0.0)
        self.samples = []

    def look(self):
        tee = Tee(Host())
        self.holdings.look(tee)
        self.behind.look(tee, self.holdings.gained)
        n = len(self.samples)
        self.samples.append(Sample(n, os.getpid(), float(n), float(n), 0.0, 0.0, tee.texts))
        return tee.texts

    @property
    def recording(self):
        return Recording(Header(target={"machine": "this", "pid": 0}), tuple(self.samples))


def test_descriptors_threads_and_zombies_are_counted_at_each_look(taker):
    take(taker, "nothing")
    watch = Watch()
    watch.look()
    for what in ("descriptors", "thread", "zombie"):
        take(taker, what)
        watch.look()
    seen = [look.held[taker.pid] for look in looks(watch.recording)]
    assert [one.descriptors - seen[0].descriptors for one in seen] == [0, 20, 20, 20]
    assert [one.threads for one in seen] == [1, 1, 2, 2]
    last = looks(watch.recording)[-1].held
    assert [one.is_zombie for one in last.values() if one.ppid == taker.pid] == [True]
    assert seen[0].name == comm.read(Host(), taker.pid)
    assert seen[-1].tables > 0 and not seen[-1].is_zombie


def test_of_a_process_in_which_nothing_moves_nothing_is_kept(taker):
    take(taker, "nothing")
    watch = Watch()
    assert f"/proc/{taker.pid}/status" in watch.look().files
    again = watch.look()
    assert f"/proc/{taker.pid}/status" not in again.files
    assert not [call for call in again.calls if call.path == f"/proc/{taker.pid}/fd"]
    first, second = (look.held[taker.pid] for look in looks(watch.recording))
    assert first == second


def test_kernel_threads_are_there_and_have_nothing():
    watch = Watch()
    watch.look()
    watch.look()
    last = looks(watch.recording)[-1].held
    kernel = [one for one in last.values() if one.ppid == 2]
    if not kernel:
        pytest.skip("a container shows no kernel threads")
    assert all(one.tables is None and one.descriptors is None for one in kernel)


def test_who_opens_more_is_looked_at_closer_and_nobody_else(taker):
    take(taker, "nothing")
    watch = Watch()
    watch.look()
    take(taker, "descriptors")
    watch.look()
    seen = part_of(watch.recording, taker.pid)
    assert len(seen) == 1
    kinds = [entry.kind for entry in seen.samples[0].fds]
    assert kinds.count("pipe") >= 20
    assert seen.samples[0].status.vm_pte > 0
    assert not len(part_of(watch.recording, os.getpid()))


def test_who_ended_is_in_no_later_look(taker):
    watch = Watch()
    watch.look()
    taker.kill()
    taker.wait(20)
    watch.look()
    first, second = looks(watch.recording)
    assert taker.pid in first.held and taker.pid not in second.held
