"""A tracer in a command of its own, and what happens to its target when either is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import memlab
from memlab.lab.experiment import Experiment
from memlab.procfs import status
from memlab.procfs.host import Host
from memlab.trace import attach
from tests.signals import heed_signals
from tests.waiting import until

PACKAGE = str(Path(memlab.__file__).parent.parent)
# the last words of the command: without memlab's own start, which takes most of a second
_SCRIPT = """
import sys
from memlab.model.memory import Pattern
from memlab.trace import {engine}
from memlab.trace.watch import Watch
{engine}.trace(int(sys.argv[1]), Watch(60), Pattern.{pattern})
"""


def child(*words: str) -> subprocess.Popen[str]:
    """This Python with these words, its output in pipes; signals end it as in a terminal."""
    return subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": PACKAGE}, preexec_fn=heed_signals,
    )  # fmt: skip


def runs_untraced(pid: int) -> bool:
    """Whether it is neither stopped nor traced."""
    said = status.read(Host(), pid)
    return not said.state.startswith(("t", "T")) and said.others["tracer_pid"] == "0"


def tracer_of(pid: int, command: subprocess.Popen[str]) -> int:
    """The tracer's pid, once there is one; fails with the command's own words where that has ended before."""

    def found() -> int:
        tracer = attach.tracer_of(pid)
        if not tracer and command.poll() is not None:
            pytest.fail(f"the command ended with {command.returncode}: {command.stderr.read()}")
        return tracer

    return until(found, 60)


def kill_in_every_way(leaker: Experiment, engine: str, pattern: str, rounds: int) -> None:
    """Trace it, and end memlab or the tracer by one of three signals, at any moment, so many times."""
    ways = [(who, number) for who in ("memlab", "tracer") for number in (9, 15, 2)]
    script = _SCRIPT.format(engine=engine, pattern=pattern)
    for nth in range(rounds):
        who, number = ways[nth % len(ways)]
        with child("-c", script, str(leaker.pid)) as command:
            tracer = tracer_of(leaker.pid, command)
            time.sleep(nth % 7 / 100)  # which call it stands at is chance
            os.kill(command.pid if who == "memlab" else tracer, number)
            until(lambda: runs_untraced(leaker.pid))
            until(lambda tracer=tracer: not os.path.exists(f"/proc/{tracer}"))
            command.communicate(timeout=30)
        before = leaker.ledger[-1]["count"]
        until(lambda before=before: leaker.ledger[-1]["count"] > before or leaker.holding)
    assert attach.tracer_of(leaker.pid) == 0


def kill_memlab(leaker: Experiment, engine: str, pattern: str, nth: int) -> None:
    """By one of three signals, up to three seconds after its start: before it attaches, while it does, and after."""
    script = _SCRIPT.format(engine=engine, pattern=pattern)
    with child("-c", script, str(leaker.pid)) as command:
        time.sleep(nth % 31 / 10)
        os.kill(command.pid, (9, 15, 2)[nth % 3])
        command.communicate(timeout=60)


def helpers_of(pid: int, script: str) -> list[str]:
    """Processes of `script` that have this pid among their words: they outlive a memlab that is killed, and end."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(pid).encode() in words and any(word.endswith(script.encode()) for word in words):
            found.append(name)
    return found
