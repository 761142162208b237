"""The two small processes between whoever starts a leaker and the leaker.

    caller --> guard --> supervisor --> leaker --> whatever it starts

Guard and supervisor watch each other and the caller by pidfd. Whichever of them is killed, the
one that is left ends everything below it (both are subreapers, so orphans come to them) and
removes the run's files and cgroup. The leaker dies with the supervisor by PDEATHSIG; the
supervisor has one thread only, because that signal comes when the *thread* that forked ends.

Run as `python -m memlab.lab.supervisor SPEC`: stdin is the leaker's control channel, stdout
carries its lines and ours, and ends when everything is over and cleaned.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from memlab.lab import containment
from memlab.lab.runs import TAG, Run, clean, descendants, kill_descendants, open_run

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LOOK_EVERY = 0.1  # seconds
_STDERR_KEPT = 4096
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Spec:
    """What to run: argv, for whom (pid and start time in ticks), and what it may take."""

    run_id: str
    argv: list[str]
    caller: int
    caller_start: int
    resident: int
    virtual: int
    file_size: int


def say(**event: Any) -> None:
    """One JSON line in one write; nobody listening is no error."""
    with suppress(BrokenPipeError):
        os.write(1, json.dumps(event, separators=(",", ":")).encode() + b"\n")


def start_time(pid: int) -> int:
    """When a process started, in clock ticks after boot: what makes a pid unique. -1: none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return -1
    return int(text.rpartition(b")")[2].split()[19])


def main() -> NoReturn:
    """Be the guard, and fork the supervisor."""
    spec = Spec(**json.loads(sys.argv[1]))
    os.setsid()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    group, why_not = containment.make_group(spec.run_id, spec.resident)
    run, _lock = open_run(spec.run_id, group)
    guard = os.getpid()
    try:
        caller = _watch(spec.caller, spec.caller_start)
        supervisor = os.fork()
        if supervisor == 0:
            _supervise(spec, run, guard, why_not)
        _drop_stdin()
        _wait_for_any([caller, os.pidfd_open(supervisor), _terminated()])
    except Exception as error:
        say(event="failed", message=f"{type(error).__name__}: {error}")
    kill_descendants()
    clean(run)
    os._exit(0)


def _supervise(spec: Spec, run: Run, guard: int, why_not: str) -> NoReturn:
    """Be the supervisor: start the leaker, hold it in its box, take it down."""
    try:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        ends = [_watch(spec.caller, spec.caller_start), os.pidfd_open(guard), _terminated()]
        leaker, stderr = _start(spec, run)
        _drop_stdin()
        say(
            event="box",
            run=run.id,
            resident_bytes=spec.resident,
            virtual_bytes=spec.virtual,
            cgroup=run.cgroup,
            why_no_cgroup=why_not or None,
        )
        said = _hold(spec, run, leaker, stderr, ends)
        _report(run, leaker, said)
    except Exception as error:
        say(event="failed", message=f"{type(error).__name__}: {error}")
    kill_descendants()
    clean(run)
    os._exit(0)


def _start(spec: Spec, run: Run) -> tuple[int, int]:
    """Fork and exec the leaker inside its box; returns its pid and its stderr to read."""
    stderr, child_stderr = os.pipe()
    supervisor = os.getpid()
    leaker = os.fork()
    if leaker:
        os.close(child_stderr)
        os.set_blocking(stderr, False)
        return leaker, stderr
    try:
        os.setpgid(0, 0)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(0)
        os.dup2(child_stderr, 2)
        if run.cgroup:
            containment.join_group(run.cgroup)
        resource.setrlimit(resource.RLIMIT_AS, (spec.virtual, spec.virtual))
        resource.setrlimit(resource.RLIMIT_FSIZE, (spec.file_size, spec.file_size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in (signal.SIGPIPE, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        environment = {
            **os.environ,
            TAG: run.id,
            "MEMLAB_PARENT": str(supervisor),
            "MEMLAB_TMPFS": run.files,
        }
        os.execve(spec.argv[0], spec.argv, environment)
    except BaseException as error:
        os.write(2, f"cannot start {spec.argv[0]}: {error}".encode())
    os._exit(127)


def _hold(spec: Spec, run: Run, leaker: int, stderr: int, ends: list[int]) -> bytes:
    """Watch until somebody ends; kills a leaker that broke out of its cap. Returns its stderr."""
    said = b""
    ended = os.pidfd_open(leaker)
    poll = select.poll()
    for descriptor in [ended, stderr, *ends]:
        poll.register(descriptor, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll(_LOOK_EVERY * 1000)}
        if stderr in ready:
            more = os.read(stderr, 4096)
            said = (said + more)[-_STDERR_KEPT:]
            if not more:
                poll.unregister(stderr)
        if ended in ready or ready & set(ends):
            with suppress(BlockingIOError):
                said = (said + os.read(stderr, 4096))[-_STDERR_KEPT:]
            return said
        taken = _taken(run, leaker)
        if taken > spec.resident:
            say(event="killed", reason="cap", bytes=taken, limit_bytes=spec.resident)
            os.kill(leaker, signal.SIGKILL)


def _taken(run: Run, leaker: int) -> int:
    """Resident bytes of the leaker and all below it, and what it wrote on tmpfs."""
    page = resource.getpagesize()
    taken = 0
    for pid in (leaker, *descendants(leaker)):
        with suppress(OSError):
            taken += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
    with suppress(OSError):
        taken += sum(entry.stat().st_blocks * 512 for entry in os.scandir(run.files))
    return taken


def _report(run: Run, leaker: int, said: bytes) -> None:
    """Say how the leaker ended, if it did; otherwise it is about to be killed."""
    pid, status = os.waitpid(leaker, os.WNOHANG)
    if pid == 0:
        return
    code = os.waitstatus_to_exitcode(status)
    if run.cgroup and containment.oom_kills(run.cgroup):
        say(event="killed", reason="oom", limit="the memory cgroup")
    say(event="exit", status=code, stderr=said.decode(errors="replace").strip())


def _watch(pid: int, started: int) -> int:
    """A pidfd of exactly that process; one of our own, already readable, when it has gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        descriptor = -1
    if descriptor < 0 or start_time(pid) != started:
        reading, writing = os.pipe()
        os.close(writing)  # end of file: readable at once
        return reading
    return descriptor


def _terminated() -> int:
    """A descriptor that becomes readable on SIGTERM, SIGINT or SIGHUP."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return reading


def _wait_for_any(descriptors: list[int]) -> None:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    poll.poll()


def _drop_stdin() -> None:
    """The control channel is the leaker's alone: its writer must notice when it has gone."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


if __name__ == "__main__":
    main()
