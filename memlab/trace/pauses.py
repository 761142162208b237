"""Holds a Python process at the calls that take something, and has py-spy read its stack there.

    pauses.main(PID, PROGRAM, DESCRIPTOR, CALLS)

Writes each call as strace does, with frames of Python behind it, to the descriptor. It is a process of its own,
for whoever traces must be able to die: then the kernel lets the traced one go. A stack is read while its thread
stands still, so what is read is what called. It is held for at most half of the time; where that does not do
for all calls, chance decides which, so that no regular order of calls hides the one that leaks.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from memlab.procfs.host import Host
from memlab.trace import ptrace, standing, syscalls

SHARE, BURST_SECONDS = 0.5, 1.0
NOT_READ, NO_PYTHON, FAILED = "[not read]", "[no Python]", "[failed]"
_DUMP_SECONDS, _TRIES = 5.0, 3  # other threads run on, and may change what is being read
_CONTENTS = ("write", "pwrite64", "writev", "pwritev", "fallocate")


@dataclass
class Budget:
    """How long a process may be held: a share of the time, and so many seconds at once."""

    left: float = BURST_SECONDS
    at: float = field(default_factory=time.monotonic)

    def allows(self) -> bool:
        """Always while half of it is there; then the more seldom, the less there is."""
        now = time.monotonic()
        self.left = min(BURST_SECONDS, self.left + (now - self.at) * SHARE)
        self.at = now
        return random.random() * BURST_SECONDS / 2 < self.left

    def spend(self, seconds: float) -> None:
        """It was held."""
        self.left -= seconds


def read_stack(program: str, pid: int, tid: int) -> list[str]:
    """`leak (/srv/app.py:17)`, innermost first; or one of the words in brackets: why there is none."""
    threads = None
    for _ in range(_TRIES):
        if (threads := _dump(program, pid)) is not None:
            break
    else:
        return [FAILED]
    # a thread that is about to start has a state without frames, under the number of the one that starts it
    known = _numbers(tid)
    mine = [one for one in threads if one["os_thread_id"] in known and one["frames"]]
    if not mine and len(threads) == 1 and threads[0]["os_thread_id"] is None and pid == tid:
        mine = threads  # an interpreter that does not keep the number: one thread can be no other
    if not mine or not mine[0]["frames"]:
        return [NO_PYTHON]
    frames = [f"{one['name']} ({one['filename']}:{one['line']})" for one in mine[0]["frames"]]
    return [line.replace("\n", "?") for line in frames]


def _dump(program: str, pid: int) -> list[dict[str, Any]] | None:
    """All threads as py-spy tells them; None where it cannot."""
    try:
        done = subprocess.run(
            [program, "dump", "--nonblocking", "--json", "--pid", str(pid)],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_DUMP_SECONDS, check=False,
        )  # fmt: skip
        told = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return told if isinstance(told, list) else None


def _numbers(tid: int) -> set[int]:
    """The thread's number here, and in the container that it is in."""
    try:
        with open(f"/proc/{tid}/status", encoding="utf-8", errors="replace") as file:
            inner = next((line.split()[1:] for line in file if line.startswith("NSpid:")), [])
    except OSError:
        inner = []
    return {tid, *map(int, inner)}


@dataclass
class Writer:
    """Writes down what the process does."""

    pid: int
    program: str
    file: int
    forms: dict[int, syscalls.Form]
    there: standing.Standing
    budget: Budget = field(default_factory=Budget)

    def done(self, done: ptrace.Done) -> None:
        """A call that returned, with its stack where it took something; its thread stands still."""
        form = self.forms.get(done.number)
        if form is None or -4096 < done.value < 0:
            return
        text = syscalls.written(form, done, self.pid)
        if form.name in ("sendmsg", "recvmsg") and "SCM_RIGHTS" not in text:
            return
        if form.name in _CONTENTS and not self._in_memory(text):
            return
        lines = [f"{done.tid} {time.time():.6f} {text}"]
        if form.takes and _takes(form, text):
            lines += [f" > {frame}" for frame in self._stack(done.tid)]
        self._write(lines)

    def ended(self, tid: int) -> None:
        """A thread."""
        self._write([f"{tid} {time.time():.6f} +++ exited with 0 +++"])

    def execed(self, tid: int) -> None:
        """Another program: what was held before is gone."""
        self._write([f"{tid} {time.time():.6f} execve() = 0"])

    def _stack(self, tid: int) -> list[str]:
        if not self.budget.allows():
            return [NOT_READ]
        began = time.monotonic()
        try:
            return read_stack(self.program, self.pid, tid)
        finally:
            self.budget.spend(time.monotonic() - began)

    def _in_memory(self, text: str) -> bool:
        """Whether what is written to is a file that is memory: `write(5</dev/shm/x>, …`."""
        path = text.partition("<")[2].partition(">")[0]
        return path.startswith("/") and (self.there.on_tmpfs(path) or path.startswith("/memfd:"))

    def _write(self, lines: list[str]) -> None:
        os.write(self.file, ("\n".join(lines) + "\n").encode(errors="replace"))


def _takes(form: syscalls.Form, text: str) -> bool:
    """Not fcntl but for a copy, not shmget of what is there; a new thread is named by who mapped its stack."""
    if form.name == "fcntl":
        return "F_DUPFD" in text
    if form.name == "shmget":
        return "IPC_CREAT" in text
    if form.name in ("sendmsg", "recvmsg"):
        return "SCM_RIGHTS" in text
    # what is written into a memfd is of who made it
    return "CLONE_THREAD" not in text and not (form.name in _CONTENTS and "</memfd:" in text)


def main() -> None:
    """Attach, say so, follow until told to end or the process is gone."""
    pid, program, file, names = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    wanted = set(names.split(","))
    forms = {
        number: form
        for number, form in syscalls.table(os.uname().machine).items()
        if form.name in wanted
    }
    writer = Writer(pid, program, file, forms, standing.look(pid, Host()))
    loop = ptrace.Loop(ptrace.Told(writer.done, writer.ended, writer.execed))
    signal.signal(signal.SIGINT, lambda *_: loop.end())
    signal.signal(signal.SIGTERM, _end)  # who started this is dead
    try:
        ptrace.seize(pid)
    except OSError as error:
        sys.exit(f"{pid}: {os.strerror(error.errno or 0)}")
    print(f"Process {pid} attached", file=sys.stderr, flush=True)
    loop.run()


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(0)  # wherever it is: the kernel lets go of what an ended tracer held
