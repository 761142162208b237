"""strace, attached to leakers: the line of the ledger comes first, and the sums add up."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memlab.errors import Denied, Gone, Refused, Unsupported
from memlab.lab.experiment import Experiment, spawn_guard, start
from memlab.lab.options import check
from memlab.lab.registry import get
from memlab.model.memory import Pattern
from memlab.model.stacks import Of
from memlab.trace import attach, strace
from memlab.trace.watch import Watch
from tests.trace.kills import PACKAGE, child, kill_in_every_way, runs_untraced, tracer_of
from tests.trace.sites import first_site, stepped, traced
from tests.waiting import until

pytestmark = [pytest.mark.live, pytest.mark.needs("strace", "addr2line", "gcc")]

# leaker, its pattern, what a stack holds, bytes of a unit beyond its chunk (the guard of a stack)
CASES = [
    ("anonymous", Pattern.ANONYMOUS, Of.MAPPING, 0),
    ("thread-stack", Pattern.THREAD_STACK, Of.THREAD, 4096),
    ("shm", Pattern.SHM, Of.SEGMENT, 0),
    ("memfd", Pattern.MEMFD, Of.MAPPING, 0),
    ("memfd-descriptor", Pattern.MEMFD, Of.DESCRIPTOR, 0),
    ("memfd-parked", Pattern.MEMFD, Of.FILE, 0),
    ("tmpfs-files", Pattern.TMPFS, Of.FILE, 0),
]


@pytest.mark.parametrize(("name", "pattern", "of", "more"), CASES, ids=[case[0] for case in CASES])
def test_the_ledgers_line_is_named_first_and_has_all_bytes(name, pattern, of, more):
    stacks, ledger = traced(strace, name, "c", pattern)
    assert first_site(stacks) == ledger["site"]
    first = stacks.stacks[0]
    chunk = ledger["leaked_bytes"] // ledger["count"]
    assert (first.of, first.count) == (of, 6)
    assert first.bytes == 6 * (chunk + more)
    if stacks.growth is not None and stacks.growth.unit == "bytes":
        # a first thread may bring malloc's arena for it and the heap's first brk; no stack of the leak has these
        assert 0 <= stacks.residual < chunk


@pytest.mark.parametrize("name", ["fd-files", "fd-pipes", "fd-sockets"])
def test_descriptors_are_counted(name):
    stacks, ledger = traced(strace, name, "c", Pattern.FD)
    assert first_site(stacks) == ledger["site"]
    each = 1 if name == "fd-files" else 2
    assert stacks.stacks[0].count == 6 * each == stacks.growth.amount
    assert stacks.residual == 0


def test_what_is_given_back_is_not_held():
    stacks, ledger = traced(strace, "anonymous", "c", Pattern.ANONYMOUS, control=True)
    assert ledger["count"] == 6
    assert stacks.stacks == ()
    assert stacks.residual == 0


def test_threads_that_were_never_joined_are_told():
    stacks, _ = traced(strace, "thread-stack", "c", Pattern.THREAD_STACK)
    assert any("6 threads ended" in doubt for doubt in stacks.doubts)


def test_a_heap_is_charged_to_nobody():
    """brk alone: whoever asks for the next page is not who leaks."""
    stacks, _ = traced(strace, "heap", "c", Pattern.HEAP, events=40)
    assert stacks.bytes == 0
    assert (
        stacks.residual == stacks.growth.amount > 40 * 65536 - 135168
    )  # glibc's top pad of 128 KiB
    assert any("brk moved" in doubt and "heaptrack" in doubt for doubt in stacks.doubts)


def test_a_python_program_is_said_to_show_frames_of_c_only():
    stacks, _ = traced(strace, "anonymous", "python", Pattern.ANONYMOUS)
    assert stacks.stacks[0].bytes == 6 << 20
    assert any("memray" in doubt for doubt in stacks.doubts)


def kill_the_tracer(rounds):
    with start("anonymous", "c", rate="20/s", chunk="4KiB", cap="64MiB") as leaker:
        kill_in_every_way(leaker, "strace", "ANONYMOUS", rounds)


def test_whoever_is_killed_the_target_runs_on_untraced():
    kill_the_tracer(20)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_whoever_is_killed_two_hundred_times_the_target_runs_on_untraced():
    kill_the_tracer(200)


def test_ctrl_c_shows_what_was_seen():
    with start("anonymous", "c", paused=True) as leaker:
        which = ("--engine", "strace", "--seconds", "60", "--json")
        command = child("-m", "memlab.cli.main", "trace", str(leaker.pid), *which)
        tracer_of(leaker.pid, command)
        until(lambda: "attaches" in (command.stderr.readline() or "attaches"))
        until(lambda: leaker.step(1))
        command.send_signal(signal.SIGINT)
        out, _ = command.communicate(timeout=60)
        assert command.returncode == 0
        assert '"engine": "strace"' in out
        assert runs_untraced(leaker.pid)


def test_what_cannot_be_traced_is_one_clear_sentence():
    with start("anonymous", "c", paused=True) as leaker:
        tracer = subprocess.Popen(
            ["strace", "-o", "/dev/null", "-p", str(leaker.pid)], stderr=subprocess.DEVNULL
        )
        try:
            tracer_of(leaker.pid, tracer)
            with pytest.raises(Refused, match="traced by strace"):
                attach.check(leaker.pid)
        finally:
            tracer.terminate()
            tracer.wait()
    with pytest.raises(Gone):
        attach.check(leaker.pid)
    with pytest.raises(Refused, match="itself"):
        attach.check(os.getpid())
    if os.path.exists("/proc/2/comm") and Path("/proc/2/comm").read_text() == "kthreadd\n":
        with pytest.raises(Unsupported, match="kernel thread"):
            attach.check(2)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_process_is_denied_with_the_remedy():
    script = (
        "import os; from memlab.trace import attach\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "attach.check(int(os.environ['TARGET']))"
    )
    with start("anonymous", "c", paused=True) as leaker:
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": PACKAGE, "TARGET": str(leaker.pid)},
        )  # fmt: skip
    assert f"{Denied.__name__}: memlab may not attach to process {leaker.pid}" in done.stderr
    assert "run as that user, or as root" in done.stderr


def test_a_process_that_ends_meanwhile_is_gone():
    with start("anonymous", "c", rate="20/s", duration=1) as leaker, pytest.raises(Gone):
        strace.trace(leaker.pid, Watch(30), Pattern.ANONYMOUS)


def built(folder, *flags):
    """The leaker `anonymous` of another build, in the box that it always has."""
    leaker, program = get("anonymous"), folder / "anonymous"
    command = ["gcc", "-std=gnu11", "-O1", "-pthread", *flags, "-o", str(program)]
    subprocess.run([*command, str(leaker.path("c")), "-lm"], check=True, capture_output=True)
    options = check(leaker, {"paused": True})
    run = Experiment(
        leaker, "c", spawn_guard([str(program), *options.arguments], options, "anonymous")
    )
    run.wait(lambda: run.ready and run.box)
    return run


def test_without_debug_info_the_function_is_named_and_the_lack_is_said(tmp_path):
    with built(tmp_path) as leaker:
        stacks, _ = stepped(strace, leaker, Pattern.ANONYMOUS)
    assert first_site(stacks) == "leak anonymous"
    assert any("anonymous has no debug info" in doubt and "-g" in doubt for doubt in stacks.doubts)


def test_a_stripped_program_is_said_to_be_one(tmp_path):
    with built(tmp_path, "-s") as leaker:
        stacks, _ = stepped(strace, leaker, Pattern.ANONYMOUS)
    assert stacks.stacks[0].bytes == 6 << 20
    assert any("anonymous is stripped" in doubt for doubt in stacks.doubts)


def test_a_static_program_is_traced_too(tmp_path):
    with built(tmp_path, "-static", "-g") as leaker:
        stacks, ledger = stepped(strace, leaker, Pattern.ANONYMOUS)
    assert stacks.stacks[0].bytes == 6 << 20
    named = [frame for frame in stacks.stacks[0].frames if str(frame) == ledger["site"]]
    assert named or stacks.lost
