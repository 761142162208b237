"""Watch rounds of a call, look again at what is not clear, and say what was found."""

from __future__ import annotations

import ctypes
import gc
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from memlab.errors import Refused
from memlab.model.diagnosis import Diagnosis, Verdict
from memlab.pytest_plugin.observer import Observer
from memlab.pytest_plugin.report import failure_text, line_text, undecided_text
from memlab.pytest_plugin.room import fill

# as many readings as the judge asks for; importing it here would bring numpy into the process that is watched
FEWEST_ROUNDS = 10
# Ten readings for each fifth of the window: more make the floors no better, and each is a look at smaps.
READINGS = 50
# An undecided window is followed by one of twice the rounds, and by one of four times
LONGER = (1, 2, 4)


@dataclass(frozen=True)
class Seen:
    """One window: so many rounds of the call, what came of it, and how little would have been seen."""

    rounds: int
    diagnosis: Diagnosis
    least: dict[str, float]


@dataclass(frozen=True)
class Checked:
    """What a check says: `line` for the summary, `undecided` and `failure` where it is so, else ""."""

    line: str
    undecided: str = ""
    failure: str = ""


def check(
    call: Callable[[], object], test: str, *, rounds: int, warm_up: int, collect: bool
) -> Checked:
    """Call it `warm_up` times, then in windows of `rounds`; `test` is pytest's name of who asks.

    A leak must show in two windows in a row: five floors of noise rise in 0.8 % of windows, so in 0.006 %
    of two; and what only filled a cache may be full by then. Raises Refused for numbers that make no
    sense.
    """
    for name, value, least in (("rounds", rounds, FEWEST_ROUNDS), ("warm_up", warm_up, 0)):
        if not isinstance(value, int) or value < least:
            raise Refused(f"{name}={value!r}", f"write a whole number, at least {least}")
    filled = fill()
    try:
        return _check(call, test, rounds, warm_up, collect)
    finally:
        filled.clear()


def _check(
    call: Callable[[], object], test: str, rounds: int, warm_up: int, collect: bool
) -> Checked:
    seen = _watch(call, rounds, warm_up, collect)
    windows = [seen]
    for factor in LONGER[1:]:
        if seen.diagnosis.verdict is not Verdict.UNDECIDED:
            break
        windows.append(seen := _watch(call, factor * rounds, 0, collect))
    if seen.diagnosis.verdict is Verdict.LEAK:
        windows.append(seen := _watch(call, seen.rounds, 0, collect))
        if seen.diagnosis.verdict is Verdict.LEAK:
            return Checked(line_text(windows), failure=failure_text(windows, test))
    if seen.diagnosis.verdict is Verdict.UNDECIDED:
        return Checked(line_text(windows), undecided=undecided_text(windows))
    return Checked(line_text(windows))


def _watch(call: Callable[[], object], rounds: int, warm_up: int, collect: bool) -> Seen:
    each = math.ceil(rounds / READINGS)
    readings = math.ceil(rounds / each)
    observer = _observer(os.getpid())
    for _ in range(warm_up):
        call()
    with _settled(collect):
        observer.begin()
        for _ in range(readings):
            for _ in range(each):
                call()
            if collect:
                gc.collect()
            _trim()
            observer.read()
    window = observer.judge()
    return Seen(readings * each, window.diagnosis, window.least)


@cache
def _observer(_pid: int) -> Observer:
    """One for each process: a fork has a pid of its own."""
    return Observer()


@contextmanager
def _settled(collect: bool) -> Iterator[None]:
    """Let the collector look only at what is made from here on: so it takes microseconds a round."""
    freeze = collect and gc.get_freeze_count() == 0
    if collect:
        gc.collect()
    if freeze:
        gc.freeze()
    _trim()
    try:
        yield
    finally:
        if freeze:
            gc.unfreeze()


def _trim() -> None:
    """Give back the pages that malloc keeps free: what a leak takes of them then shows in Rss again."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's; other C libraries have none."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
