"""Who eats the machine, of leakers that leave their memory in the kernel: found by the public look at all of it."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

from memlab.diagnose.machine import diagnose_machine
from memlab.lab.experiment import start
from memlab.lab.registry import leakers
from memlab.model.diagnosis import Diagnosis, Finding, Verdict
from memlab.observe.machine import watch_machine
from memlab.present.text import diagnosis_text

pytestmark = [pytest.mark.live, pytest.mark.soak]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gets a cgroup of its own")

# what the place of the finding must name, beside the process
LEAKS = {
    "kernel-pipes": "pipe",
    "kernel-sockets": "socket",
    "kernel-bpf": "BPF map|bpf-map",
    "kernel-messages": "message queue",
    "fd-pipes": "descriptors (pipe)",
    "fd-sockets": "descriptors (socket)",
    "page-table": "page tables",
    "thread-stack-running": "threads",
    "process-zombies": "zombies",
}
RATES = {"fd-pipes": "10/s", "fd-sockets": "10/s"}  # else their caps come within the window
TOGETHER = (
    ("kernel-pipes", "page-table", "process-zombies"),
    ("kernel-sockets", "kernel-messages", "thread-stack-running"),
    ("kernel-bpf", "fd-pipes", "fd-sockets"),
)
LOOK_ALIKES = {
    "page-cache": "page cache",
    "dirty-cache": "page cache",
    "negative-dentries": "names that were looked up and are not there",
}


def watched(names: tuple[str, ...], seconds: float = 14) -> tuple[dict[str, int], Diagnosis]:
    """The pids by name, and the verdict over all of the machine."""
    with ExitStack() as stack:
        runs = {
            name: stack.enter_context(start(name, "c", rate=RATES.get(name), paused=True))
            for name in names
        }
        for run in runs.values():
            run.resume()
        recording = watch_machine(seconds)
    return {name: run.pid for name, run in runs.items()}, diagnose_machine(recording)


def of_process(found: Diagnosis, pid: int) -> list[Finding]:
    return [one for one in found.findings if f"(pid {pid}" in one.where]


@needs_root
@pytest.mark.parametrize("names", TOGETHER, ids=" ".join)
def test_each_leak_is_named_with_who_holds_it(names):
    pids, found = watched(names)
    assert found.verdict is Verdict.LEAK, found.why
    for name, pid in pids.items():
        own = of_process(found, pid)
        wanted = LEAKS[name].split("|")
        (finding,) = [one for one in own if any(word in one.where for word in wanted)] or [None]
        assert finding is not None, diagnosis_text(found)
        assert finding.pattern == leakers()[name].pattern
        assert str(pid) in finding.next


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_what_the_kernel_gives_back_is_named_and_kept_apart(name):
    for _attempt in range(
        3
    ):  # these lines are the machine's: whoever syncs or reads meanwhile moves them too
        pids, found = watched((name,), 9)
        assert not of_process(found, pids[name])
        said = " ".join([found.why, *found.notes])
        if LOOK_ALIKES[name] in said:
            break
    assert LOOK_ALIKES[name] in said
    assert "the kernel gives" in said and "back when memory is short" in said


def test_looking_at_all_of_it_costs_what_was_allowed():
    seconds, budget = 10, 0.01
    recording = watch_machine(seconds, budget=budget)
    # start-up, and what is asked once, in the end
    spent = [sample.cpu_seconds for sample in recording.samples[2:-1]]
    # each part may go over its share by the one look that it began
    assert sum(spent) <= budget * seconds + 2 * max(spent)
