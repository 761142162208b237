"""py-spy at system calls, attached to Python programs: the line of Python that asked the kernel comes first."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from memlab.errors import Unsupported
from memlab.lab.experiment import start
from memlab.lab.registry import get
from memlab.model.memory import Pattern
from memlab.model.stacks import Of
from memlab.procfs import status
from memlab.procfs.host import Host
from memlab.trace import choose, pauses, pyspy
from memlab.trace.watch import EARLY, Watch
from tests.trace.kills import PACKAGE, kill_in_every_way, runs_untraced
from tests.trace.sites import first_site, traced
from tests.waiting import until


def is_here():
    try:
        return bool(pyspy.program())
    except Unsupported:
        return False


pytestmark = [pytest.mark.live, pytest.mark.skipif(not is_here(), reason="py-spy is not here")]

# leaker, what a stack holds, how many of an event, bytes beyond its chunk (the guard of a stack, malloc's header)
CASES = [
    ("thread-stack", Of.THREAD, 1, 4096),
    ("memfd-descriptor", Of.DESCRIPTOR, 1, 0),
    ("tmpfs-files", Of.FILE, 1, 0),
    ("fd-pipes", Of.DESCRIPTOR, 2, 0),
    ("fd-sockets", Of.DESCRIPTOR, 2, 0),
    ("fd-files", Of.DESCRIPTOR, 1, 0),
    ("kernel-pipes", Of.DESCRIPTOR, 2, None),
    ("process-zombies", Of.PROCESS, 1, None),
    ("shm-posix", Of.MAPPING, 1, 0),
    ("memfd", Of.MAPPING, 1, 0),
    ("shared-anonymous", Of.MAPPING, 1, 0),
    ("private-file", Of.MAPPING, 1, 0),
    ("address-space", Of.MAPPING, 1, 0),
    ("anonymous-extension", Of.MAPPING, 1, 4096),
]


@pytest.mark.parametrize(("name", "of", "each", "more"), CASES, ids=[case[0] for case in CASES])
def test_the_ledgers_function_is_named_first_by_its_line_and_has_all(name, of, each, more):
    stacks, ledger = traced(pyspy, name, "python", Pattern(get(name).pattern))
    function, _, place = ledger["site"].partition(" ")
    file, _, line = place.partition(":")
    first = stacks.stacks[0]
    assert (first.site.function, first.site.place.partition(":")[0]) == (function, file)
    # the call, or what keeps what it made, a few lines on
    assert 0 <= int(line) - first.site.line <= 4
    assert (first.of, first.count) == (of, 6 * each)
    if more is not None:
        assert first.bytes == 6 * (ledger["leaked_bytes"] // ledger["count"] + more)
    if stacks.growth is not None:
        assert stacks.residual == 0
    assert stacks.lost == (EARLY,)


def test_bytes_that_are_written_into_a_file_of_memory_are_of_who_writes():
    stacks, ledger = traced(pyspy, "tmpfs", "python", Pattern.TMPFS)
    assert (first_site(stacks), stacks.bytes) == (ledger["site"], ledger["leaked_bytes"])


def test_what_is_given_back_is_not_held():
    stacks, ledger = traced(pyspy, "fd-pipes", "python", Pattern.FD, control=True)
    assert ledger["count"] == 6
    assert (stacks.stacks, stacks.residual) == ((), 0)


@contextmanager
def running(text):
    """A Python program; a line on its standard input lets it begin, and it says a line when it is done."""
    with subprocess.Popen(
        [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def told(process, work=lambda: None, pattern=Pattern.FD):
    """Stacks while it does its work: until it says a line."""
    watch, said = Watch(60), []

    def go():
        if watch.attached.wait(60):
            process.stdin.write("go\n")
            process.stdin.flush()
            work()
            said.append(process.stdout.readline().strip())
        watch.stop.set()

    import threading

    thread = threading.Thread(target=go)
    thread.start()
    try:
        return pyspy.trace(process.pid, watch, pattern), said
    finally:
        watch.attached.set()
        thread.join(90)


THREADS = """
import os, threading
def one():
    for _ in range(10): kept.append(os.dup(0))
def two():
    for _ in range(15): kept.append(os.dup(0))
kept = []
print("ready", flush=True); input()
threads = [threading.Thread(target=what) for what in (one, two, one, two)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("done", flush=True); input()
"""


def test_each_of_several_threads_is_charged_with_its_own():
    with running(THREADS) as process:
        stacks, _ = told(process)
    counts = {}
    for stack in stacks.stacks:
        if stack.of is Of.DESCRIPTOR:
            counts[stack.site and stack.site.function] = stack.count
    unread = counts.pop(None, 0)
    assert set(counts) == {"one", "two"}
    # what was not read, for its half of the time was used up, is of one of them; the rest is right to the last
    assert 20 - unread <= counts["one"] <= 20
    assert counts["one"] + counts["two"] + unread == 50
    assert stacks.residual == 0


WAITS = """
import threading
def work(): event.wait()
def spawn():
    kept.append(threading.Thread(target=work, daemon=True))
    kept[-1].start()
event, kept = threading.Event(), []
print("ready", flush=True); input()
for _ in range(8): spawn()
print("done", flush=True); input()
"""


def test_threads_that_python_starts_and_that_never_end_are_of_who_starts_them():
    with running(WAITS) as process:
        stacks, said = told(process, pattern=Pattern.THREAD_STACK)
    assert said == ["done"]
    first = stacks.stacks[0]
    assert (first.of, first.count, first.site.function) == (Of.THREAD, 8, "spawn")
    assert first.frames[0].function == "Thread.start"  # of the standard library: it asks for others


PARKS = """
import os, socket
def park():
    file = os.memfd_create("leak")
    os.write(file, bytes(4096))
    socket.send_fds(ours, [b"x"], [file])
    os.close(file)
def fetch(): os.close(socket.recv_fds(theirs, 1, 1)[1][0])
ours, theirs = socket.socketpair()
print("ready", flush=True); input()
for _ in range(5): park()
fetch()
print("done", flush=True); input()
"""


def test_files_in_the_queue_of_a_socket_are_of_who_sent_them_until_they_are_received():
    with running(PARKS) as process:
        stacks, _ = told(process, pattern=Pattern.MEMFD)
    (first,) = stacks.stacks
    assert (first.of, first.count, first.bytes) == (Of.FILE, 4, 4 * 4096)
    assert first.site.function == "park"


HURRY = """
import os
def hurry():
    for _ in range(600): kept.append(os.dup(0))
def busy():
    for _ in range(500): os.close(os.dup(0))
kept = []
print("ready", flush=True); input()
hurry(); busy()
print("done", flush=True); input()
"""


def test_it_is_held_for_half_of_the_time_at_most_and_what_was_not_read_is_said():
    with running(HURRY) as process:
        stacks, said = told(process)
    assert said == ["done"]
    first = stacks.stacks[0]
    assert (first.site.function, sum(stack.count for stack in stacks.stacks)) == ("hurry", 600)
    unread = sum(stack.count for stack in stacks.stacks if not stack.frames)
    assert first.count + unread == 600
    assert unread > 0
    assert any(f"{unread} of the 600" in one and "half of the time" in one for one in stacks.lost)


def test_the_budget_is_a_share_of_the_time():
    budget = pauses.Budget()
    assert all(budget.allows() for _ in range(100))
    budget.spend(pauses.BURST_SECONDS * 2)
    assert not any(budget.allows() for _ in range(100))
    budget.at -= 1000  # so long ago
    assert all(budget.allows() for _ in range(100))
    assert budget.left == pauses.BURST_SECONDS


SIGNALS = """
import os, signal, time
caught = []
signal.signal(signal.SIGUSR1, lambda *_: caught.append(os.dup(0)))
print("ready", flush=True); input()
until = time.monotonic() + 30
while len(caught) < 20 and time.monotonic() < until: time.sleep(0.01)
print(len(caught), flush=True); input()
"""


def test_signals_stops_and_their_ends_reach_the_process_as_ever():
    with running(SIGNALS) as process:

        def work():
            for nth in range(20):
                os.kill(process.pid, signal.SIGUSR1)
                until(lambda nth=nth: len(os.listdir(f"/proc/{process.pid}/fd")) >= 3 + nth + 1)
            os.kill(process.pid, signal.SIGSTOP)
            until(lambda: status.read(Host(), process.pid).state[0] in "tT")
            os.kill(process.pid, signal.SIGCONT)

        stacks, said = told(process, work)
        assert said == ["20"]
        # a stack for each line that was interrupted
        assert stacks.count == 20
        assert {stack.site.function for stack in stacks.stacks} == {"<lambda>"}
        assert runs_untraced(process.pid)


FORKS = """
import os, time
theirs, ours = os.pipe()
print("ready", flush=True); input()
child = os.fork()
if child == 0:
    os.write(ours, open("/proc/self/status").read().split("TracerPid:")[1].split()[0].encode())
    time.sleep(60)
    os._exit(0)
# said by the parent: the child may be ahead of a fork that is still looked at
print(os.read(theirs, 20).decode(), flush=True)
input()
"""


def test_a_child_is_not_traced_and_is_charged_to_who_forked():
    with running(FORKS) as process:
        stacks, said = told(process, pattern=Pattern.PROCESS)
        assert said == ["0"]
        assert (stacks.stacks[0].of, stacks.stacks[0].site.function) == (Of.PROCESS, "<module>")
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)


EXECS = """
import os, sys
print("ready", flush=True); input()
os.execv(sys.executable, [sys.executable, "-c", "print('other', flush=True); input()"])
"""


def test_an_exec_is_survived_and_said():
    with running(EXECS) as process:
        stacks, said = told(process)
        assert said == ["other"]
        assert any("exec" in one for one in stacks.lost)
        assert runs_untraced(process.pid)


def test_a_stack_that_cannot_be_read_is_said_to_be_none():
    assert pauses.read_stack("/bin/false", os.getpid(), os.getpid()) == [pauses.FAILED]
    assert pauses.read_stack("/bin/true", os.getpid(), os.getpid()) == [pauses.FAILED]
    with start("fd-pipes", "python", paused=True) as leaker:
        assert pauses.read_stack(pyspy.program(), leaker.pid, os.getpid()) == [pauses.NO_PYTHON]
        assert " (" in pauses.read_stack(pyspy.program(), leaker.pid, leaker.pid)[0]


@pytest.mark.needs("gcc", "strace")
def test_what_is_no_python_is_left_to_strace_without_a_word():
    with start("fd-pipes", "c", paused=True) as leaker:
        with pytest.raises(Unsupported, match="no CPython"):
            pyspy.why_not(leaker.pid)
        chosen = choose.choose(leaker.pid, (Pattern.FD,))
    assert (chosen.engine.name, chosen.passed_over) == ("strace", ())


def test_a_python_program_that_leaks_descriptors_gets_py_spy_by_itself():
    with start("fd-files", "python") as leaker:
        done = subprocess.run(
            [sys.executable, "-m", "memlab.cli.main", "trace", str(leaker.pid), "--seconds", "3"],
            capture_output=True, text=True, timeout=100, check=False,
            env={**os.environ, "PYTHONPATH": PACKAGE},
        )  # fmt: skip
        site = leaker.ledger[-1]["site"]
    assert done.returncode == 0, done.stderr
    seen, price = done.stderr.splitlines()[:2]
    assert seen.startswith("LEAK: open descriptors grew by ")
    assert price.startswith(f"py-spy attaches to pid {leaker.pid} for 3 s: ")
    assert f"× descriptor: {site}, " in done.stdout


def kill_the_tracer_of_a_python_program(rounds):
    with start("fd-files", "python", rate="50/s", control=True) as leaker:
        kill_in_every_way(leaker, "pyspy", "FD", rounds)


def test_whoever_is_killed_the_python_program_runs_on_untraced():
    kill_the_tracer_of_a_python_program(12)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_whoever_is_killed_two_hundred_times_the_python_program_runs_on_untraced():
    kill_the_tracer_of_a_python_program(200)
