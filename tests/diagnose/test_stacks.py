"""Thread stacks with and without guards, cached or never joined: real programs, stepped by count."""

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from memlab.diagnose import diagnose
from memlab.diagnose.stacks import CACHE_BYTES, idle_bytes
from memlab.lab.build import compiler
from memlab.model.diagnosis import Verdict
from memlab.model.memory import RegionKind
from memlab.model.recording import Recording
from memlab.observe.sampler import Sampler
from memlab.procfs import task
from memlab.procfs.host import Host
from tests import waiting
from tests.diagnose.made import KIB, MIB, A, made, mapping

SOURCE = Path(__file__).parent / "programs" / "stacks.c"
PAGE = 4 * KIB
# touches what asked for no huge pages itself, a MiB a line
UNWILLING = """
import mmap, sys
kept = []
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        kept.append(mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        kept[-1].madvise(mmap.MADV_NOHUGEPAGE)
        kept[-1].write(bytes(1 << 20))
    print("done", flush=True)
"""


@pytest.fixture(scope="module")
def stacks(tmp_path_factory):
    """The program, compiled."""
    built = tmp_path_factory.mktemp("programs") / "stacks"
    subprocess.run([*compiler(), "-O1", "-pthread", "-o", built, SOURCE], check=True)
    return built


class Told:
    """A program that does as much as it is told, and a recording of it, one instant a step."""

    def __init__(self, child):
        self._child, self.pid = child, child.pid
        assert child.stdout.readline() == "ready\n"
        self._sampler, self.samples = Sampler(child.pid), []
        self.look()

    def step(self, count):
        print(count, file=self._child.stdin, flush=True)
        assert self._child.stdout.readline() == "done\n"
        self.look()

    def look(self):
        self.samples.append(self._sampler.take(must=True))

    @property
    def recording(self):
        return Recording(self._sampler.header(), tuple(self.samples))

    @property
    def threads(self):
        return Sampler(self.pid).take().stat.num_threads


@contextlib.contextmanager
def told(*argv):
    with subprocess.Popen(
        list(map(str, argv)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            yield Told(child)
        finally:
            child.kill()


def stacks_are_marked(program):
    """Whether this kernel marks MAP_STACK: since Linux 6.7, where it knows huge pages."""
    rows = program.samples[-1].regions.smaps.vm_flags
    return any("nh" in flags for flags in rows)


@pytest.mark.live
@pytest.mark.needs("gcc")
@pytest.mark.parametrize("guard", [0, PAGE], ids=["without guards", "with guards"])
def test_stacks_that_nobody_joined_are_found_with_and_without_guards(stacks, guard):
    with told(stacks, guard, 2 * MIB, "exit") as program:
        for _ in range(24):
            program.step(1)
            waiting.until(lambda: program.threads == 1)
        if not guard and not stacks_are_marked(program):
            pytest.skip("this kernel does not mark stacks (Linux 6.7 and later do)")
        found = diagnose(program.recording)
        program.look()  # at the last step its thread may still have been there
    assert found.verdict is Verdict.LEAK, found.why
    (finding,) = found.findings
    assert (finding.pattern, finding.basis) == ("thread-stack", "virtual")
    assert (finding.step.bytes, finding.bytes) == (2 * MIB + guard, 24 * (2 * MIB + guard))
    assert any("nobody joined" in sentence for sentence in finding.evidence)
    if guard:
        # 24 stacks of 2 MiB are more than the cache of joined ones holds
        assert idle_bytes(program.samples[-1]) == 24 * (2 * MIB + guard) > CACHE_BYTES
        assert any("keeps 40 MiB at most" in sentence for sentence in finding.evidence)
    else:
        assert any("no guard beside them" in sentence for sentence in finding.evidence)
        assert "by the size of the steps that is 24 stacks more" in finding.evidence
    # the program bounds itself, and nothing else is as near
    assert finding.forecast.limit == "its RLIMIT_AS"


@pytest.mark.live
@pytest.mark.needs("gcc")
@pytest.mark.parametrize("guard", [0, PAGE], ids=["without guards", "with guards"])
def test_stacks_of_joined_threads_are_cached_and_no_leak(stacks, guard):
    """Four at a time, joined: glibc keeps the four stacks, and uses them again."""
    with told(stacks, guard, 2 * MIB, "join") as program:
        program.step(4)
        program.samples.clear()  # the cache is filled once
        for _ in range(24):
            program.step(4)
        found = diagnose(program.recording)
        cached = idle_bytes(program.samples[-1])
    assert found.verdict is Verdict.NOT_A_LEAK, found.why
    if guard:
        assert 0 < cached <= CACHE_BYTES


@pytest.mark.live
@pytest.mark.needs("gcc")
@pytest.mark.parametrize("guard", [0, PAGE], ids=["without guards", "with guards"])
def test_each_stack_pointer_lies_in_what_is_called_a_stack(stacks, guard):
    """The second way to the same truth: task/TID/syscall."""
    with told(stacks, guard, MIB, "run") as program:
        for _ in range(12):
            program.step(1)
        found = diagnose(program.recording)

        def pointers():
            there = task.read(Host(), program.pid)
            return [t.sp for t in there if t.tid != program.pid and t.sp is not None]

        blocked = waiting.until(lambda: len(seen := pointers()) == 12 and seen)
        program.look()
        if not guard and not stacks_are_marked(program):
            pytest.skip("this kernel does not mark stacks (Linux 6.7 and later do)")
        regions = program.samples[-1].regions
    rows = regions.of(RegionKind.THREAD_STACK)
    for pointer in blocked:
        inside = (regions.smaps.start <= pointer) & (pointer < regions.smaps.end)
        assert np.count_nonzero(rows & inside) == 1
    assert any("still running" in sentence for sentence in found.findings[0].evidence)
    assert regions.virtual_by_kind[RegionKind.THREAD_STACK] == 12 * (MIB + guard)


@pytest.mark.live
def test_memory_that_asked_for_no_huge_pages_is_no_stack():
    """MADV_NOHUGEPAGE sets the flag that MAP_STACK sets: what is touched is told from it."""
    with told(sys.executable, "-c", UNWILLING) as program:
        for _ in range(15):
            program.step(1)
        found = diagnose(program.recording)
    assert found.verdict is Verdict.LEAK, found.why
    (finding,) = found.findings
    assert (finding.pattern, finding.bytes) == ("anonymous", pytest.approx(15 * MIB, rel=0.05))


def unmapped(step, threads=1, limits=None):
    """A process whose mappings may not be read: VmSize alone, in steps of a second."""
    return made(
        None,
        vsize=lambda t: 50 * MIB + int(t) * step,
        rss=2 * MIB,
        threads=threads,
        denied=["/proc/42/smaps"],
        limits=limits,
    )


@pytest.mark.parametrize(
    ("recording", "candidates"),
    [
        (unmapped(8 * MIB + PAGE), ("thread-stack",)),
        # as many threads more as there are steps
        (unmapped(8 * MIB, threads=lambda t: 1 + int(t)), ("thread-stack",)),
        # the limit on stacks is the size of a stack, and of other things
        (unmapped(8 * MIB, limits={"stack_size": 8 * MIB}), ("thread-stack", "address-space")),
        (unmapped(8 * MIB, limits={"stack_size": 10 * MIB}), ("address-space",)),
    ],
)
def test_without_mappings_the_steps_and_the_threads_tell(recording, candidates):
    (finding,) = diagnose(recording).findings
    assert finding.candidates == candidates


def guarded(count):
    return "".join(
        mapping(A + n * 2 * MIB, PAGE, "---p", "")
        + mapping(A + n * 2 * MIB + PAGE, MIB, "rw-p", "", rss=8 * KIB)
        for n in range(count)
    )


@pytest.mark.parametrize(
    ("limits", "limit", "left"),
    [
        ({"processes": 100}, "RLIMIT_NPROC of its user", 100 - 17),
        ({"threads_max": 90, "processes": 100}, "kernel.threads-max", 90 - 17),
        ({"pid_max": 80, "threads_max": 90}, "kernel.pid_max", 80 - 17),
        # 40 were there when the watch began, and 15 of its own came since
        ({"cgroup_tasks_limit": 70, "cgroup_tasks": 40}, "pids.max of its cgroup", 70 - 40 - 15),
        # two mappings a stack
        ({"max_map_count": 134}, "vm.max_map_count", (134 - 34) / 2),
    ],
)
def test_threads_that_run_meet_the_limits_of_threads(limits, limit, left):
    growing = made(lambda t: guarded(2 + int(t)), threads=lambda t: 2 + int(t), limits=limits)
    (finding,) = diagnose(growing).findings
    assert finding.forecast.limit == limit
    # one a second
    assert finding.forecast.seconds == pytest.approx(left, rel=0.1)
