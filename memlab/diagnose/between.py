"""What a gap in time says: the shape of an account that was looked at now, and again much later.

Two looks show that there is more, not that it goes on: a program that has settled in between has more
too. Settling slows down by its nature, for a cache and a pool fill towards an end. So growth is a leak's
where it is seen to go on: within the last look; or at a rate that has not fallen, from one gap
to the next, or from the program's start to the first look and from there to the last.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

from memlab.diagnose.account import Account
from memlab.diagnose.floors import LEVELS, chance
from memlab.diagnose.trend import Shape, Trend, equal_steps, trend
from memlab.model.recording import Recording
from memlab.model.series import Series
from memlab.units import format_seconds

# Readings that came in random order all lie higher after the gap than before it with a chance of
# 1 / comb(n, k): more than this is no evidence. It is the error rate of five floors (floors.py).
MOST_CHANCE = chance(LEVELS)
# A gap is one where a fifth of the window may be empty, and ten times the usual time between readings:
# one that came late, or was left out for its cost, makes none.
_LATE = 10
_GRAINS = 3  # of growth are needed to see it, as in judge.py

_Pieces = list[tuple[NDArray[np.float64], NDArray[np.float64]]]


def across(account: Account, born: float | None) -> Trend | None:
    """The trend of an account with gaps: of the mappings where it fills these only, unless they rise too."""
    if equal_steps(account.series) is not None:
        return None  # a log of which somebody kept the lines where something changed
    found = across_gap(account.series, account.quantum, born)
    if found is None or account.mapped is None or found.shape in (Shape.CYCLIC, Shape.FALLING):
        return found
    room = across_gap(account.mapped, account.quantum, born)
    if room is None:  # no more is mapped: what was touched of it was filled
        return replace(found, shape=Shape.STOPPED)
    return found if room.shape is Shape.RISING else room


def across_gap(series: Series, quantum: float, born: float | None = None) -> Trend | None:
    """The trend of a series with gaps; None where it has none, or did not move by a quantum.

    `born` is when its process began, on the clock of the series. The interval of the rate is what the
    readings at both ends allow at most.
    """
    parts = pieces(series)
    if len(parts) < 2 or float(np.ptp(series.values)) < quantum:
        return None
    (_, first), (times, last) = parts[0], parts[-1]
    lift, growth = float(last.min() - first.max()), series.growth
    if first.min() - last.max() >= quantum:
        return Trend(Shape.FALLING, growth)
    swing = max(_swing(values) for _, values in parts)
    if lift < quantum:
        if swing < quantum or float(last.min() - first.min()) >= quantum:
            return Trend(Shape.UNCLEAR, growth)
        return Trend(Shape.CYCLIC, growth, hidden=swing + quantum)
    low, high = _rates(parts[0], parts[-1])
    rate = float(np.median(last) - np.median(first)) / float(
        np.median(times) - np.median(parts[0][0])
    )
    alone = trend(Series("piece", times, last, series.unit, series.source), quantum)
    lasted = float(times[-1] - times[0])
    if low * lasted >= _GRAINS * quantum and alone.shape is Shape.FLAT:
        return Trend(Shape.STOPPED, growth, level_seconds=lasted)
    by_chance = 1 / comb(len(first) + len(last), len(first))
    told = "" if by_chance > MOST_CHANCE or lift <= swing else _goes_on(parts, alone, low, born)
    shape = Shape.RISING if told else Shape.UNCLEAR
    return Trend(shape, growth, rate, (low, high), levels=_floors_of(by_chance), told=told)


def _floors_of(by_chance: float) -> int:
    """How many floors that rise all the way are as rare."""
    levels = 1
    while chance(levels + 1) >= by_chance:
        levels += 1
    return levels


def is_interrupted(recording: Recording) -> bool:
    """Whether there are gaps between its instants, whatever was read in them."""
    times = np.array([sample.monotonic for sample in recording])
    return len(pieces(Series("instants", times, times))) > 1


def pieces(series: Series) -> _Pieces:
    """Times and values between the gaps; one piece where there are none."""
    steps = np.diff(series.times)
    if not len(steps):
        return [(series.times, series.values)]
    wide = (steps >= series.seconds / LEVELS) & (steps > _LATE * _usual(steps))
    cuts = np.flatnonzero(wide) + 1
    return list(zip(np.split(series.times, cuts), np.split(series.values, cuts), strict=True))


def _usual(steps: NDArray[np.float64]) -> float:
    """The median of all but the longest fifth; 0 for single readings far apart."""
    shorter = np.sort(steps)[: -max(1, len(steps) // LEVELS)]
    return float(np.median(shorter)) if len(shorter) else 0.0


def _goes_on(parts: _Pieces, alone: Trend, low: float, born: float | None) -> str:
    """Why this is no settling in; empty where that cannot be excluded."""
    gaps = [_rates(before, after) for before, after in pairwise(parts)]
    gap = float(parts[-1][0][0] - parts[-2][0][-1])
    if alone.shape is Shape.RISING and alone.interval[1] >= low / 2:
        return f"higher after a gap of {format_seconds(gap)} than ever before it, and rising in every fifth since"
    if len(gaps) > 1 and gaps[0][0] > 0 and all(now[1] >= gaps[0][0] for now in gaps[1:]):
        return f"higher after each of {len(gaps)} gaps than ever before it, and no slower from gap to gap"
    first_seen = float(parts[0][0][0])
    if born is not None and first_seen > born:
        before = float(parts[0][1].max()) / (first_seen - born)
        if low >= before:
            return (
                f"higher after a gap of {format_seconds(gap)} than ever before it, and faster than in the"
                f" {format_seconds(first_seen - born)} from the program's start: settling in slows down"
            )
    return ""


def _rates(
    before: tuple[NDArray[np.float64], NDArray[np.float64]],
    after: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[float, float]:
    """The least and the most that any two readings of both sides allow."""
    (early, low_side), (late, high_side) = before, after
    shortest, longest = float(late[0] - early[-1]), float(late[-1] - early[0])
    least = max(0.0, float(high_side.min() - low_side.max())) / longest
    return least, max(least, float(high_side.max() - low_side.min()) / shortest)


def _swing(values: NDArray[np.float64]) -> float:
    """The largest fall within a look: what it gives back it may give back between two looks too."""
    return float((np.maximum.accumulate(values) - values).max())


def born(recording: Recording) -> float | None:
    """When the process began, in the seconds of its samples; None where that was not recorded.

    starttime counts from the boot on (fs/proc/array.c); CLOCK_MONOTONIC falls behind it by what the
    machine slept, so that the process may be taken for younger than it is, and a rate before for higher.
    """
    line = next((sample.stat for sample in recording if sample.stat), None)
    if line is None:
        return None
    return line.starttime / float(recording.header.host.get("ticks_per_second") or 100)


def once_more(recording: Recording) -> str | None:
    """What would decide between two looks; None for a recording without gaps."""
    if not recording.header.asked.get("recordings"):
        return None
    return (
        f"record it once more, {format_seconds(recording.seconds)} from now, and diagnose all recordings"
        " together: settling in slows down, a leak does not"
    )
