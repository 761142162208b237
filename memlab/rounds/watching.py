"""Watch rounds of a call, and look again at what is not clear.

The numbers of the judge are not imported: that would bring numpy into the process that is watched.
"""

from __future__ import annotations

import ctypes
import gc
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from memlab.model.diagnosis import Diagnosis, Verdict
from memlab.rounds.observer import Observer
from memlab.rounds.room import fill

# as many readings as the judge asks for
FEWEST_ROUNDS = 10
# Ten readings for each fifth of the window: more make the floors no better, and each is a look at smaps.
READINGS = 50
# An undecided window is followed by longer ones. Objects of a few kB a round must go beyond two of Python's arenas
# of 1 MiB: as long as they only fill what was mapped before (diagnose/filling.py), nobody can call that a leak
LONGER = (1, 2, 4, 8)


@dataclass(frozen=True)
class Seen:
    """One window: so many rounds of the call, what came of it, and how little would have been seen."""

    rounds: int
    diagnosis: Diagnosis
    least: dict[str, float]


def watch_rounds(
    call: Callable[[], object], rounds: int, *, warm_up: int = 0, collect: bool = True
) -> list[Seen]:
    """Call it `warm_up` times, then in windows of `rounds`; the last window has the verdict.

    A leak must show in two windows in a row: five floors of noise rise in 0.8 % of windows, so in 0.006 %
    of two; and what only filled a cache may be full by then. An undecided window is followed by longer ones.
    With `collect` the garbage collector runs before each reading. An exception of `call` passes through.
    """
    if collect:
        gc.collect()  # what a failed test before left in cycles is room too, once it is collected
    filled = fill()
    windows: list[Seen] = []
    try:
        for factor in LONGER:
            windows.append(_watch(call, factor * rounds, 0 if windows else warm_up, collect))
            if windows[-1].diagnosis.verdict is Verdict.LEAK:
                windows.append(_watch(call, factor * rounds, 0, collect))
            if windows[-1].diagnosis.verdict is not Verdict.UNDECIDED:
                break
        return windows
    finally:
        filled.clear()


def _watch(call: Callable[[], object], rounds: int, warm_up: int, collect: bool) -> Seen:
    each = math.ceil(rounds / READINGS)
    readings = math.ceil(rounds / each)
    watching = observer()
    for _ in range(warm_up):
        call()
    with settled(collect):
        watching.begin()
        for _ in range(readings):
            for _ in range(each):
                call()
            if collect:
                gc.collect()
            trim()
            watching.read()
    window = watching.judge()
    return Seen(readings * each, window.diagnosis, window.least)


def observer() -> Observer:
    """That of this process."""
    return _observer(os.getpid())


@cache
def _observer(_pid: int) -> Observer:
    """One for each process: a fork has a pid of its own."""
    return Observer()


@contextmanager
def settled(collect: bool) -> Iterator[None]:
    """Let the collector look only at what is made from here on: so it takes microseconds a round."""
    freeze = collect and gc.get_freeze_count() == 0
    if collect:
        gc.collect()
    if freeze:
        gc.freeze()
    trim()
    try:
        yield
    finally:
        if freeze:
            gc.unfreeze()


def trim() -> None:
    """Give back the pages that malloc keeps free: what a leak takes of them then shows in Rss again."""
    trim = _malloctrim()
    if trim is not None:
        trim(0)


@cache
def _malloctrim() -> Callable[[int], int] | None:
    """glibc's; other C libraries have none."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
