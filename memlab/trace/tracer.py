"""Runs a program that traces another (strace, or ours): on a leash, for its time, and lets go in order."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

from memlab.errors import Denied, Gone, Unsupported
from memlab.trace import leash, standing
from memlab.trace.watch import Watch
from memlab.units import MIB, format_bytes

LOG_BYTES = 64 * MIB
ATTACH_SECONDS = 10.0
# after its time: it lets go within a call or two; a leash that snaps lets go too
_GRACE_SECONDS = 20.0


@dataclass(frozen=True)
class Tracer:
    """name: as people know it; command: it says "attached" on its stderr when it is, or what keeps it from that.

    unable: words of it that mean that it cannot do what is asked, and the sentence for them.
    """

    name: str
    command: Sequence[str]
    unable: tuple[tuple[str, ...], str] = ((), "")
    looks: tuple[standing.Standing, ...] = ()

    def run(self, pid: int, watch: Watch, log: TextIO) -> tuple[float, list[str]]:
        """From the moment it has attached; (for how many seconds, what went wrong). It writes into `log`."""
        limit = watch.seconds + ATTACH_SECONDS + _GRACE_SECONDS

        def ended() -> str | None:
            if process.poll() is not None:
                return f"{self.name} ended before its time was over"
            if os.fstat(log.fileno()).st_size > LOG_BYTES:
                return f"its log had {format_bytes(LOG_BYTES)}: it let go before its time was over"
            return None

        with subprocess.Popen(
            leash.argv(limit, self.command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            pass_fds=(log.fileno(),),
            start_new_session=True,  # Ctrl-C is for us: we let go in order
        ) as process:
            said: list[str] = []
            reader = threading.Thread(target=_hear, args=(process, said), daemon=True)
            reader.start()
            try:
                self._attached(process, pid, said)
                watched, early = watch.wait(ended)
            finally:
                _let_go(process)
                reader.join(_GRACE_SECONDS)
        lost = [early] if early else []
        if not early and any(f"Process {pid} detached" in line for line in said[:-1]):
            lost += [line for line in said if "detached" in line][:1]
        return watched, lost

    def _attached(self, process: subprocess.Popen[str], pid: int, said: list[str]) -> None:
        """Wait until it says so; raise what it complains of."""
        until = time.monotonic() + ATTACH_SECONDS
        while time.monotonic() < until:
            if any("attached" in line for line in said):
                return
            if process.poll() is not None:
                break
            time.sleep(0.01)
        complaint = next((line for line in said if "attached" not in line), "it says nothing")
        if "No such process" in complaint:
            raise Gone(f"no process {pid}")
        if "not permitted" in complaint:
            raise Denied(f"{self.name} could not attach to process {pid}", complaint)
        words, sentence = self.unable
        if any(word in complaint for word in words):
            raise Unsupported(sentence, complaint)
        raise Unsupported(f"{self.name} could not attach to process {pid}", complaint)


def _hear(process: subprocess.Popen[str], said: list[str]) -> None:
    """Keep what it says on stderr: a line for each thread that it meets, of which the first thousand will do."""
    assert process.stderr is not None
    for line in process.stderr:
        if len(said) < 1000:
            said.append(line.strip())


def _let_go(process: subprocess.Popen[str]) -> None:
    """SIGINT detaches in order; SIGKILL detaches too (kernel/ptrace.c, exit_ptrace)."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS / 2)
