"""Ends every leaker of this user, whoever started it, in the most orderly way that works."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from memlab.errors import MemlabError
from memlab.lab.processes import kill_lock_holder, lock_holders, signal_tagged
from memlab.lab.runs import Run, living
from memlab.lab.sweep import sweep

_SECONDS = 5.0


@dataclass
class _Ending:
    """A run, and its record: guard and supervisor hold a lock on that, also when it is deleted."""

    run: Run
    record: os.stat_result

    def keepers(self) -> list[int]:
        return lock_holders(self.record)


def stop_all(seconds: float = _SECONDS) -> list[str]:
    """End all runs that live now; returns a sentence for each, when nothing of it is left.

    First each leaker is asked to end, as Ctrl-C asks it; then it is killed; then guard and
    supervisor are, which somebody may have stopped. Each way gets `seconds`. Raises MemlabError
    when something does not end even then.
    """
    found: dict[str, _Ending] = {}
    for run in living():
        with suppress(FileNotFoundError):  # it has just ended by itself
            found[run.id] = _Ending(run, Path(run.folder, "record.json").stat())
    ways: list[Callable[[_Ending], None]] = [_ask, _kill_leaker, _kill_keepers]
    while ways and _still(found):
        _go(ways.pop(0), found, seconds)
    sweep()
    left = _still(found)
    if left:
        raise MemlabError(
            f"these do not end: {'; '.join(one.run.called for one in left)}",
            "a process in state D ends when its device answers; see ps",
        )
    return [f"ended {one.run.called}" for one in found.values()]


def _still(found: dict[str, _Ending]) -> list[_Ending]:
    """Those of which a guard or supervisor lives; a leaker's pid may have come meanwhile."""
    for run in living():
        if run.id in found:
            found[run.id].run = run
    return [one for one in found.values() if one.keepers()]


def _go(way: Callable[[_Ending], None], found: dict[str, _Ending], seconds: float) -> None:
    """One way with all of them, again and again until none is left or the time is over."""
    deadline = time.monotonic() + seconds
    while (left := _still(found)) and time.monotonic() < deadline:
        for one in left:
            way(one)
        time.sleep(0.05)


def _ask(one: _Ending) -> None:
    _signal_leaker(one.run, signal.SIGTERM)
    _signal_leaker(one.run, signal.SIGCONT)  # a stopped one would never hear it


def _kill_leaker(one: _Ending) -> None:
    _signal_leaker(one.run, signal.SIGKILL)


def _kill_keepers(one: _Ending) -> None:
    for pid in one.keepers():
        kill_lock_holder(pid, one.record)


def _signal_leaker(run: Run, number: int) -> None:
    if run.leaker:
        signal_tagged(run.leaker, run.id, number)
