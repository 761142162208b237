"""Debian's rsyslog as a process of the lab: own socket, own files, own configuration, and none of the machine's.

It lives in the box that holds a leaker (guard, supervisor, memory cgroup) and in that run's folder, so that it
ends and its files go with whoever started it, and `memlab sweep` removes what is left where guard and supervisor
were killed too. Kernel messages come to it as they do on a machine: by imklog from what stands for /proc/kmsg,
here a pipe of ours, or by imkmsg from this machine's /dev/kmsg, which reads and takes nothing away.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from memlab.errors import MemlabError, Unsupported
from memlab.lab.containment import Need
from memlab.lab.events import Events, why_it_ended
from memlab.lab.experiment import spawn_guard
from memlab.lab.options import Options
from memlab.lab.sweep import sweep
from memlab.lab.tools import install_command, which
from memlab.model.printk import DEBUG, Line
from memlab.units import MIB

PROGRAM = "rsyslogd"
# what is written where, by syslog.conf(5): the old and the new ways of distributions
RULES = {
    "messages": "*.info;mail.none;authpriv.none;cron.none",  # Red Hat and its kin, rsyslog's own example
    "messages-debian-11": "*.=info;*.=notice;*.=warning;auth,authpriv.none;cron,daemon.none;mail,news.none",
    "kern.log": "kern.*",  # Debian
}
# V8-like reservations are far away: glibc reserves an arena of 64 MiB and 8 MiB of stack for each of ~5 threads
_NEED = Need(resident=96 * MIB, virtual=2048 * MIB)
_FILE_BYTES = 64 * MIB
_READY_SECONDS = 20.0
_ARRIVE_SECONDS = 20.0
_END_SECONDS = 10.0
# It says where its folder is, and becomes rsyslog once its configuration stands there
_SCRIPT = (
    'cd "$MEMLAB_TMPFS" && mkfifo -m 600 kmsg && '
    'printf \'{"event":"ready","pid":%d,"folder":"%s"}\\n\' $$ "$PWD" && '
    'read go && exec "$0" -n -f "$PWD/rsyslog.conf" -i "$PWD/pid" > said 2>&1 < /dev/null'
)


class Syslog:
    """rsyslog that runs. A context manager: process and files end with the block.

    own_kernel: let it read this machine's ring buffer; without it, it reads what `send` is given.
    Raises Unsupported without rsyslog, and where it does not start.
    """

    def __init__(self, own_kernel: bool = False) -> None:
        program = which(PROGRAM)
        if program is None:
            raise Unsupported(f"there is no {PROGRAM} here", install_command(("rsyslog",)))
        self.program = program
        sweep()
        options = Options([], _NEED, _FILE_BYTES)
        self._guard = spawn_guard(["/bin/sh", "-c", _SCRIPT, program], options, "rsyslog")
        self._events = Events(self._guard)
        self._kernel: int | None = None
        try:
            self._wait(lambda: bool(self._events.last("ready")), "start")
            self.folder = Path(str((self._events.last("ready") or {})["folder"]))
            self.pid = int((self._events.last("ready") or {})["pid"])
            (self.folder / "rsyslog.conf").write_text(_configuration(self.folder, own_kernel))
            assert self._guard.stdin is not None
            self._guard.stdin.write(b"go\n")
            if not own_kernel:
                self._kernel = os.open(
                    self.folder / "kmsg", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
                )
            self._wait(lambda: (self.folder / "socket").is_socket(), "open its socket")
        except BaseException:
            self.end()
            raise

    @property
    def run(self) -> str:
        """The run's id, as in the name of its folder."""
        return str((self._events.last("box") or {}).get("run", ""))

    def send(self, lines: Iterable[Line]) -> int:
        """Hand over kernel messages, and wait until they are written; returns how many."""
        assert self._kernel is not None, "it reads this machine's kernel"
        sent = 0
        for line in lines:
            self._send(f"<{line.level}>{line.text}\n".encode(errors="surrogateescape"))
            sent += 1
        mark = f"memlab-{self.run} {time.monotonic_ns()}: all is sent"
        self._send(f"<{DEBUG}>{mark}\n".encode())
        self._wait(lambda: mark.encode() in self.text("kern.log"), "write what it was sent")
        return sent

    def send_as_program(self, priority: int, text: str) -> None:
        """One datagram to its socket, as logger(1) sends it to /dev/log; priority: facility * 8 + level."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as program:
            program.connect(str(self.folder / "socket"))
            program.send(f"<{priority}>{text}".encode())

    def text(self, name: str) -> bytes:
        """What it has written into one of its files, of RULES; empty while there is none."""
        with suppress(FileNotFoundError):
            return (self.folder / name).read_bytes()
        return b""

    def wait_for(self, ready: Callable[[], bool]) -> bool:
        """Whether that came true in time."""
        with suppress(_TooLate):
            self._wait(ready, "do it")
            return True
        return False

    def end(self) -> None:
        """End it; returns when nothing of it is left."""
        if self._kernel is not None:
            os.close(self._kernel)
            self._kernel = None
        for end in (self._guard.terminate, self._guard.kill):  # or the supervisor does the rest
            end()
            if self._events.wait_until(lambda: self._events.over, _END_SECONDS):
                break
        if self._guard.stdin is not None:
            self._guard.stdin.close()

    def _send(self, text: bytes) -> None:
        """A pipe holds 64 KiB: where it is full rsyslog reads on."""
        assert self._kernel is not None
        deadline = time.monotonic() + _ARRIVE_SECONDS
        while True:
            try:
                os.write(self._kernel, text)  # up to PIPE_BUF it is written whole or not at all
                return
            except BlockingIOError:
                self._check()
                if time.monotonic() > deadline:
                    raise MemlabError(
                        f"{PROGRAM} reads nothing", "the machine may be busy"
                    ) from None
                time.sleep(0.005)

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not ready():
            self._check()
            if time.monotonic() > deadline:
                raise _TooLate(
                    f"{PROGRAM} did not {what} within {_READY_SECONDS:g} s", self._said()
                )
            time.sleep(0.01)

    def _check(self) -> None:
        """Raise why it has ended, if it has."""
        if self._events.over:
            why = why_it_ended(PROGRAM, self._events.last)
            raise why or Unsupported(f"{PROGRAM} has ended", self._said())

    def _said(self) -> str:
        with suppress(OSError, AttributeError):
            lines = (self.folder / "said").read_text(errors="replace").splitlines()
            return lines[-1][:200] if lines else "it said nothing"
        return "it said nothing"

    def __enter__(self) -> Syslog:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self.end()


class _TooLate(MemlabError):
    """It lives, and has not done it."""


def _configuration(folder: Path, own_kernel: bool) -> str:
    """As a distribution's, but for the paths; one worker keeps lines in their order."""
    kernel = (
        'module(load="imkmsg")' if own_kernel else f'module(load="imklog" LogPath="{folder}/kmsg")'
    )
    rules = [
        f'{selector} action(type="omfile" file="{folder}/{name}" template="RSYSLOG_TraditionalFileFormat")'
        for name, selector in RULES.items()
    ]
    return "\n".join([
        f'global(workDirectory="{folder}")',
        'main_queue(queue.workerThreads="1")',
        'module(load="imuxsock" SysSock.Use="off")',
        f'input(type="imuxsock" Socket="{folder}/socket")',
        kernel,
        *rules,
        "",
    ])  # fmt: skip
