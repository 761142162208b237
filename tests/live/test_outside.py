"""Memory that no mapping shows, of leakers that really leave it there, judged by pid alone."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from memlab.diagnose.machine import diagnose_machine
from memlab.lab.experiment import start
from memlab.lab.registry import leakers
from memlab.model.diagnosis import Verdict
from memlab.observe.machine import watch_machine
from memlab.session import watch_and_diagnose

pytestmark = pytest.mark.live
needs_a_group = pytest.mark.skipif(os.geteuid() != 0, reason="only root gets a cgroup of its own")
BY_NAME = ("shm-detached", "kernel-messages")
BY_GROWTH = ("shm-posix-closed", "tmpfs-files")
BY_GROUP = ("memfd-parked", "tmpfs-inodes", "kernel-sockets", "kernel-pipes", "kernel-bpf")
LOOK_ALIKES = ("page-cache", "dirty-cache", "negative-dentries")


def judged(name, seconds, control=False):
    with start(name, "c", control=control, paused=True) as run:
        run.resume()
        return watch_and_diagnose(run.pid, seconds)[0]


def test_system_v_objects_are_found_by_who_made_or_sent_them():
    with ThreadPoolExecutor(2) as watchers:
        found = list(watchers.map(lambda name: judged(name, 8), BY_NAME))
    for name, diagnosis in zip(BY_NAME, found, strict=True):
        assert diagnosis.verdict is Verdict.LEAK, diagnosis.why
        (finding,) = diagnosis.findings
        assert finding.pattern == leakers()[name].pattern
        assert str(diagnosis.target["pid"]) in " ".join(finding.evidence)


def test_the_machine_names_what_eats_it():
    with start("heap", "c", rate="4MiB/s") as heap, start("kernel-messages", "c") as messages:
        found = diagnose_machine(watch_machine(9))
    assert found.verdict is Verdict.LEAK, found.why
    where = [finding.where for finding in found.findings]
    assert f"heap (pid {heap.pid}): resident memory" in where
    assert (
        f"System V message queues that kernel-messages (pid {messages.pid}) sent to last" in where
    )
    split = found.attribution
    assert split is not None
    assert split.bytes == sum(share.bytes for share in split.shares) + split.residual_bytes


@pytest.mark.soak
@pytest.mark.parametrize(
    "name", [*BY_GROWTH, *(pytest.param(n, marks=needs_a_group) for n in BY_GROUP)]
)
def test_what_leads_to_the_process_is_one_finding_of_its_pattern(name):
    """One at a time: of two who fill one mount nobody can tell which part is whose."""
    diagnosis = judged(name, 10)
    assert diagnosis.verdict is Verdict.LEAK, diagnosis.why
    assert [finding.pattern for finding in diagnosis.findings] == [leakers()[name].pattern]
    assert diagnosis.findings[0].basis == leakers()[name].basis


@pytest.mark.soak
@pytest.mark.parametrize("name", [*BY_NAME, *BY_GROWTH, *BY_GROUP])
def test_controls_are_not_accused(name):
    diagnosis = judged(name, 8, control=True)
    assert (diagnosis.verdict, diagnosis.findings) == (Verdict.NOT_A_LEAK, ()), diagnosis.why


@pytest.mark.soak
@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_what_the_kernel_gives_back_is_not_accused(name):
    assert judged(name, 8).findings == ()
