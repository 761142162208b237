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

from memlab.errors import Gone, MemlabError, Refused
from memlab.lab.build import program
from memlab.lab.experiment import STOP_SECONDS, arguments, spawn
from memlab.lab.registry import get
from memlab.lab.sweep import sweep


def run_in_foreground(name: str, lang: str, options: dict[str, Any]) -> int:
    """Run until the leaker ends or Ctrl-C; returns 0.

    Raises Refused with the leaker's own words when it does not take its options, Gone when it
    was killed for breaking out of its box.
    """
    leaker = get(name)
    argv = [*program(name, lang), *arguments(options)]
    for sentence in sweep():
        print(f"memlab leak: {sentence}", file=sys.stderr)
    # in the background of a terminal, reading from it would stop us: then nobody types anyway
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    guard = spawn(leaker, argv, options)
    try:
        return _pass_through(guard)
    except KeyboardInterrupt:
        with suppress(OSError):
            _send(guard, b"stop\n")
        return _pass_through(guard, seconds=STOP_SECONDS)
    finally:
        with suppress(OSError):
            guard.terminate()
        guard.wait()


def _pass_through(guard: subprocess.Popen[bytes], seconds: float | None = None) -> int:
    """Copy lines both ways until the last of the run's processes has closed its end."""
    assert guard.stdout is not None
    channels, pending, error = [guard.stdout.fileno(), *_own_stdin()], b"", None
    while True:
        ready, _, _ = select.select(channels, [], [], seconds)
        if not ready:
            return 0
        if 0 in ready and not _forward_command(guard):
            channels.remove(0)
        if guard.stdout.fileno() in ready:
            text = os.read(guard.stdout.fileno(), 65536)
            if not text:
                break
            *lines, pending = (pending + text).split(b"\n")
            for line in lines:
                sys.stdout.buffer.write(line + b"\n")
                error = _as_error(json.loads(line)) or error
            sys.stdout.buffer.flush()
    if error is not None:
        raise error
    return 0


def _own_stdin() -> list[int]:
    try:
        select.select([0], [], [], 0)
    except (OSError, ValueError):
        return []
    return [0]


def _forward_command(guard: subprocess.Popen[bytes]) -> bool:
    """Pass on what was typed; false at the end of stdin, which is no command."""
    try:
        text = os.read(0, 4096)
    except OSError:
        return False
    if not text:
        return False
    try:
        _send(guard, text)
    except OSError:
        return False
    return True


def _send(guard: subprocess.Popen[bytes], text: bytes) -> None:
    assert guard.stdin is not None
    os.write(guard.stdin.fileno(), text)


def _as_error(event: dict[str, Any]) -> MemlabError | None:
    kind = event.get("event")
    if kind == "exit" and event.get("status") == 2:
        return Refused(event.get("stderr") or "the leaker refused its options")
    if kind == "killed":
        return Gone(f"the leaker was killed: it broke out of its box ({event.get('reason')})")
    if kind == "failed":
        return MemlabError(str(event.get("message")))
    return None
