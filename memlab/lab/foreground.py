"""A leaker in the foreground of a terminal: its lines to stdout, stdin to its control channel."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

from memlab.lab.build import program
from memlab.lab.events import Event, why_it_ended
from memlab.lab.experiment import STOP_SECONDS, spawn_guard
from memlab.lab.options import check
from memlab.lab.registry import Leaker, get
from memlab.lab.sweep import sweep


def run_in_foreground(name: str, lang: str | None, options: dict[str, Any]) -> int:
    """Run until the leaker ends or Ctrl-C; returns 0.

    Raises Refused with the leaker's own words when it does not take its options, Gone when it
    was killed.
    """
    leaker = get(name)
    checked = check(leaker, options)
    argv = [*program(name, lang or leaker.default_lang), *checked.arguments]
    for sentence in sweep():
        print(f"memlab leak: {sentence}", file=sys.stderr)
    # in the background of a terminal, reading from it would stop us: then nobody types anyway
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    passing = _Passing(leaker, spawn_guard(argv, checked, name))
    try:
        passing.pass_lines()
    except KeyboardInterrupt:
        passing.command(b"stop\n")
        passing.pass_lines(STOP_SECONDS)
    finally:
        passing.end()
    error = why_it_ended(name, passing.last.get)
    if error is not None:
        raise error
    return 0


class _Passing:
    """Lines both ways between this process's stdin and stdout and a run."""

    def __init__(self, leaker: Leaker, guard: subprocess.Popen[bytes]) -> None:
        self._leaker = leaker
        self._guard = guard
        self._pending = b""
        self._channels = [_descriptor(guard.stdout), *_own_stdin()]
        self.last: dict[str, Event] = {}

    def pass_lines(self, seconds: float | None = None) -> None:
        """Until the last of the run's processes has closed its end, or nothing came for so long."""
        said = _descriptor(self._guard.stdout)
        while True:
            ready, _, _ = select.select(self._channels, [], [], seconds)
            if not ready:
                return
            if 0 in ready and not self._pass_command():
                self._channels.remove(0)
            if said in ready:
                text = os.read(said, 65536)
                if not text:
                    return
                self._pass_events(text)

    def _pass_events(self, text: bytes) -> None:
        *lines, self._pending = (self._pending + text).split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
                self.last[event["event"]] = event
            except (ValueError, KeyError, TypeError):
                sys.stderr.buffer.write(line + b"\n")  # no event: a complaint
                sys.stderr.flush()
            else:
                sys.stdout.buffer.write(line + b"\n")
                self._say_what_is_missing(event)
        sys.stdout.buffer.flush()

    def _say_what_is_missing(self, event: Event) -> None:
        """Where the kernel grants not even the first unit: which privilege it may want."""
        first = not self.last.get("ledger", {}).get("count")
        if (event["event"], event.get("reason")) == ("hold", "refused") and first:
            needs = f": it needs {self._leaker.needs}" if self._leaker.needs else ""
            print(
                f"memlab leak: {self._leaker.name} is refused by the kernel ({event['message']}){needs}",
                file=sys.stderr,
            )

    def _pass_command(self) -> bool:
        """Pass on what was typed; false at the end of stdin, which is no command."""
        try:
            text = os.read(0, 4096)
        except OSError:
            return False
        return bool(text) and self.command(text)

    def command(self, text: bytes) -> bool:
        """Write to the control channel; false when nobody reads it any more."""
        try:
            os.write(_descriptor(self._guard.stdin), text)
        except OSError:
            return False
        return True

    def end(self) -> None:
        """End what is left; returns when everything has been cleaned."""
        self._guard.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._guard.wait(STOP_SECONDS)
            return
        self._guard.kill()  # stopped, perhaps: the supervisor does the rest
        self._guard.wait()


def _descriptor(stream: Any) -> int:
    descriptor: int = stream.fileno()
    return descriptor


def _own_stdin() -> list[int]:
    try:
        select.select([0], [], [], 0)
    except (OSError, ValueError):
        return []
    return [0]
