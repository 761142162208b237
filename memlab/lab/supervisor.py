"""The two small processes between whoever starts a leaker and the leaker.

    caller --> guard --> supervisor --> leaker --> whatever it starts

Guard and supervisor watch each other and the caller by pidfd. Whichever of them is killed, the
one that is left ends everything below it (both are subreapers, so orphans come to them) and
removes the run's files and cgroup. The leaker dies with the supervisor by PDEATHSIG; the
supervisor has one thread only, because that signal comes when the *thread* that forked ends.

stdin is the leaker's control channel; stdout carries its lines and ours, and ends when
everything is over and cleaned. The caller gives the guard a session of its own.
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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from memlab.lab import containment
from memlab.lab.low_memory import LowMemory
from memlab.lab.processes import TAG, kill_descendants, start_time, watch
from memlab.lab.runs import Run, clean, note, open_run, promised, read_record, taken
from memlab.units import format_bytes

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LOOK_EVERY = 0.1  # seconds
_STDERR_KEPT = 4096
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Spec:
    """What to run: argv, for whom (pid and start time in ticks), and what it may take, in bytes.

    together: what all runs of this user may take; floor: available memory below which it is
    ended, None for the machine's own. group: the limit of a memory cgroup that the program fills
    with processes of its own and stays out of (MEMLAB_CGROUP); None: it is in the run's group.
    """

    run_id: str
    name: str
    argv: list[str]
    caller: int
    caller_start: int
    resident: int
    virtual: int
    file_size: int
    together: int
    floor: int | None
    group: int | None = None


def guard_argv(spec: Spec) -> list[str]:
    """The argv of a guard.

    -I -S: what lies in the working folder, the environment and site-packages is none of its
    business, and it starts sooner without them.
    """
    package = str(Path(__file__).resolve().parents[2])
    code = (
        f"import sys; sys.path.append({package!r}); "
        "from memlab.lab.supervisor import main; main(sys.argv[1])"
    )
    return [sys.executable, "-I", "-S", "-c", code, json.dumps(asdict(spec))]


def say(**event: Any) -> None:
    """One JSON line in one write; nobody listening is no error."""
    with suppress(BrokenPipeError):
        os.write(1, json.dumps(event, separators=(",", ":")).encode() + b"\n")


def main(spec_text: str) -> NoReturn:
    """Be the guard, and fork the supervisor."""
    spec, run = Spec(**json.loads(spec_text)), None
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    ends = [_terminated()]
    try:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        ends.append(watch(spec.caller, spec.caller_start))
        run, lock = open_run(spec.run_id, spec.resident, spec.name)
        _refuse_too_many(spec, run)
        run, why_not = _with_group(spec, run, lock)
        guard = os.getpid()
        guard_start = start_time(guard)
        supervisor = os.fork()
        if supervisor == 0:
            _supervise(spec, run, lock, why_not, (guard, guard_start))
        ends.append(watch(supervisor))
        _drop_stdin()
        _wait_for_any(ends)
    except Exception as error:
        say(event="failed", message=f"{type(error).__name__}: {error}")
    kill_descendants()
    if run:
        # by its record as it is now: the supervisor has noted there who the leaker is
        clean(read_record(lock, Path(run.folder)) or run)
    os._exit(0)


def _refuse_too_many(spec: Spec, run: Run) -> None:
    """End here when this run is one too many.

    Whoever started us has asked too, but several may ask at once. A run asks here when the others
    can see it: of two that come together at least one sees both.
    """
    others = promised() - spec.resident
    if others + spec.resident > spec.together:
        words = containment.beyond(others, spec.together)
        say(
            event="refused",
            message="refused, to keep this machine safe: it may take "
            f"{format_bytes(spec.resident)}, {words}",
        )
        clean(run)
        os._exit(0)


def _with_group(spec: Spec, run: Run, lock: int) -> tuple[Run, str]:
    """The run with a memory cgroup, noted in its record before it is made; or why it has none."""
    group, why_not = containment.make_group(
        run.id,
        run.resident if spec.group is None else spec.group,
        announce=lambda folder: note(lock, replace(run, cgroup=folder)),
        one_by_one=spec.group is not None,
    )
    run = replace(run, cgroup=group)
    note(lock, run)
    return run, why_not


def _supervise(spec: Spec, run: Run, lock: int, why_not: str, guard: tuple[int, int]) -> NoReturn:
    """Be the supervisor: start the leaker, hold it in its box, take it down."""
    status, said = None, b""
    try:
        ends = [_terminated(), watch(spec.caller, spec.caller_start), watch(*guard)]
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        run, stderr = _start(spec, run, lock)
        _drop_stdin()
        say(
            event="box",
            run=run.id,
            resident_bytes=spec.resident,
            virtual_bytes=spec.virtual,
            cgroup=run.cgroup,
            why_no_cgroup=why_not or None,
        )
        said = _hold(spec, run, stderr, ends)
        status = _status(run)
    except Exception as error:
        say(event="failed", message=f"{type(error).__name__}: {error}")
    kill_descendants()
    if status is not None:
        if run.cgroup and spec.group is None and containment.oom_kills(run.cgroup):
            say(event="killed", reason="oom", limit_bytes=spec.resident)
        # nobody else writes any more: this line may be longer than a pipe takes in one piece
        say(event="exit", status=status, stderr=said.decode(errors="replace").strip())
    clean(run)
    os._exit(0)


def _start(spec: Spec, run: Run, lock: int) -> tuple[Run, int]:
    """Fork and exec the leaker inside its box; returns the run with it, and its stderr to read.

    It begins when it is noted: what it makes can be told from others' by its pid.
    """
    stderr, child_stderr = os.pipe()
    noted, say_noted = os.pipe()
    supervisor = os.getpid()
    leaker = os.fork()
    if leaker:
        run = replace(run, leaker=leaker)
        note(lock, run)
        os.write(say_noted, b"\n")
        for descriptor in (child_stderr, noted, say_noted):
            os.close(descriptor)
        os.set_blocking(stderr, False)
        return run, stderr
    try:
        os.close(say_noted)
        if not os.read(noted, 1):
            os._exit(0)  # the supervisor is dead
        os.setpgid(0, 0)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(0)
        os.dup2(child_stderr, 2)
        if run.cgroup and spec.group is None:
            containment.join_group(run.cgroup)
        _limit(resource.RLIMIT_AS, spec.virtual)
        _limit(resource.RLIMIT_FSIZE, spec.file_size)
        _limit(resource.RLIMIT_CORE, 0)
        with suppress(OSError):  # must the kernel kill for memory, then this one, and nobody else
            Path("/proc/self/oom_score_adj").write_text("1000")
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # exec keeps what is ignored
        environment = {
            **os.environ,
            TAG: run.id,
            "MEMLAB_PARENT": str(supervisor),
            "MEMLAB_TMPFS": run.files,
            "MEMLAB_KEYS": str(run.keys.start),
            "MEMLAB_SHM": run.shm_prefix,
            "MEMLAB_CGROUP": run.cgroup or "",
        }
        os.execve(spec.argv[0], spec.argv, environment)
    except BaseException as error:
        os.write(2, f"cannot start {spec.argv[0]}: {error}".encode())
    os._exit(127)


def _limit(kind: int, value: int) -> None:
    """Lower a limit, hard and soft; one that is lower already stays."""
    hard = resource.getrlimit(kind)[1]
    lower = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (lower, lower))


def _hold(spec: Spec, run: Run, stderr: int, ends: list[int]) -> bytes:
    """Watch until somebody ends; kills a leaker that must not go on. Returns its stderr."""
    assert run.leaker is not None
    said, killed = b"", False
    ended, memory = watch(run.leaker), LowMemory(spec.floor)
    poll = select.poll()
    for descriptor in [ended, stderr, *ends]:
        poll.register(descriptor, select.POLLIN)
    for descriptor in memory.descriptors:
        poll.register(descriptor, select.POLLPRI)
    while True:
        events = dict(poll.poll(_LOOK_EVERY * 1000))
        ready = set(events)
        if stderr in ready:
            more = os.read(stderr, 65536)
            said = (said + more)[-_STDERR_KEPT:]
            if not more:
                poll.unregister(stderr)
        if ready & {ended, *ends}:
            with suppress(BlockingIOError):
                said = (said + os.read(stderr, 65536))[-_STDERR_KEPT:]  # a pipe holds no more
            return said
        for descriptor in ready.intersection(memory.descriptors):
            if events[descriptor] & select.POLLERR:  # its cgroup is no more
                poll.unregister(descriptor)
        pressure = any(events.get(one) == select.POLLPRI for one in memory.descriptors)
        danger = None if killed else _danger(run, memory, pressure)
        if danger:
            killed = True
            os.kill(run.leaker, signal.SIGKILL)  # first: saying so may have to wait for the reader
            say(**danger)


def _danger(run: Run, memory: LowMemory, pressure: bool) -> dict[str, Any] | None:
    """Why the leaker must not go on, as an event; None while it may."""
    size = taken(run)
    if size > run.resident:
        return {
            "event": "killed", "reason": "cap", "bytes": size, "limit_bytes": run.resident
        }  # fmt: skip
    shortage = memory.shortage(pressure)
    return shortage.event() if shortage else None


def _status(run: Run) -> int | None:
    """How the leaker ended, negative for a signal; None while it lives: then it is taken down."""
    assert run.leaker is not None
    leaker = run.leaker
    pid, status = os.waitpid(leaker, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if pid else None


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
