"""Processes as the lab needs them: known for certain, found below a parent or by tag, and ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

TAG = "MEMLAB_RUN"  # in the environment of everything that a run starts


def start_time(pid: int) -> int:
    """When a process started, in clock ticks after boot (proc(5), stat field 22); -1: no such pid."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return -1
    return int(text.rpartition(b")")[2].split()[19])


def watch(pid: int, started: int | None = None) -> int:
    """A descriptor that is readable once that process has ended: a pidfd.

    With `started` it must be the process that started then; has it ended already, and its pid
    perhaps gone to another one, then the descriptor is readable at once.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return _readable()
    if started is not None and start_time(pid) != started:
        os.close(descriptor)
        return _readable()
    return descriptor


def _readable() -> int:
    reading, writing = os.pipe()
    os.close(writing)  # end of file
    return reading


def descendants(pid: int) -> Iterator[int]:
    """The processes below `pid`, as /proc shows them now."""
    for child in _children(pid):
        yield child
        yield from descendants(child)


def _children(pid: int) -> list[int]:
    """By task/TID/children where the kernel has it (CONFIG_PROC_CHILDREN), else by all parents."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            text = Path(f"/proc/{pid}/task/{task}/children").read_text()
            found += map(int, text.split())
    except FileNotFoundError:
        if not os.path.exists("/proc/self/task/" + str(os.getpid()) + "/children"):
            return [child for child in _pids() if _parent(child) == pid]
    except OSError:
        pass  # it has ended meanwhile
    return found


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except OSError:
        return None


def kill_descendants() -> None:
    """Kill everything below this process and bury it, until there is nothing left.

    The caller is a subreaper (prctl(2)): whose parent has died becomes its child, so that
    nothing that forked, changed its session or was orphaned gets away.
    """
    while True:
        for pid in descendants(os.getpid()):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def tagged(run_id: str) -> list[int]:
    """Own processes that carry the tag of a run."""
    return [pid for pid in _pids() if pid != os.getpid() and _carries(pid, run_id)]


def _carries(pid: int, run_id: str) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{TAG}={run_id}".encode() in environment.split(b"\0")


def signal_tagged(pid: int, run_id: str, number: int) -> bool:
    """Send a signal to a process if it carries the tag of that run; whether it did.

    A pidfd is opened before the look, so that a pid that changes hands is never shot.
    """
    with suppress(OSError):
        target = os.pidfd_open(pid)
        try:
            if _carries(pid, run_id):
                signal.pidfd_send_signal(target, number)
                return True
        finally:
            os.close(target)
    return False


def kill_tagged(run_id: str, seconds: float = 5.0) -> int:
    """End what still carries the tag of a run; returns how many that were.

    They are orphans, buried by somebody else: so ask until none is left.
    """
    killed = set()
    deadline = time.monotonic() + seconds
    while (pids := tagged(run_id)) and time.monotonic() < deadline:
        killed |= {pid for pid in pids if signal_tagged(pid, run_id, signal.SIGKILL)}
        time.sleep(0.01)
    return len(killed)


def lock_holders(wanted: os.stat_result) -> list[int]:
    """Own processes that hold a lock on this file, which may be deleted, by an open descriptor.

    /proc/PID/fdinfo/FD shows a lock beside the descriptor that holds it, also where a fork
    shares that descriptor (fs/proc/fd.c); /proc/locks would name one of them only.
    """
    return [pid for pid in _pids() if pid != os.getpid() and _holds_lock(pid, wanted)]


def kill_lock_holder(pid: int, wanted: os.stat_result) -> None:
    """Kill one of them, if it still is one."""
    with suppress(OSError):
        target = os.pidfd_open(pid)
        try:
            if _holds_lock(pid, wanted):
                signal.pidfd_send_signal(target, signal.SIGKILL)
        finally:
            os.close(target)


def _holds_lock(pid: int, wanted: os.stat_result) -> bool:
    with suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                is_it = os.path.samestat(os.stat(f"/proc/{pid}/fd/{name}"), wanted)
                if is_it and "FLOCK" in Path(f"/proc/{pid}/fdinfo/{name}").read_text():
                    return True
    return False
