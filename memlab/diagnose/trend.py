"""The shape of one account over time, and its rate.

A window is cut into five blocks of equal time, and each block is represented by its floor:
what a garbage collector or a free() gives back is in the peaks, what is never given back is
in the floors. Five floors that came in random order would rise every time with a chance of
1/5! = 0.8 %; that is the error rate at which noise passes for growth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from memlab.model.diagnosis import Step
from memlab.model.series import Series
from memlab.units import PAGE_BYTES

BLOCKS = 5
MOST_POINTS = 400  # pairs of points grow with the square; thinned evenly beyond this


class Shape(Enum):
    """What an account did in the window."""

    FLAT = auto()
    RISING = auto()
    STOPPED = auto()  # rose, and has been level since
    CYCLIC = auto()
    FALLING = auto()
    UNCLEAR = auto()


@dataclass(frozen=True)
class Trend:
    """Shape and rate of one account.

    `growth` is last minus first (bytes or counts), `rate` and `interval` are per second;
    `level_seconds` is for how long it has not risen any more, `hidden` how much growth in the
    window the ups and downs of a cyclic one may hide.
    """

    shape: Shape
    growth: float = 0.0
    rate: float = 0.0
    interval: tuple[float, float] = (0.0, 0.0)
    step: Step | None = None
    level_seconds: float = 0.0
    hidden: float = 0.0


def trend(series: Series, quantum: float) -> Trend:
    """Judge the shape of a series.

    `quantum` is the grain in which this account moves on its own (an allocator's smallest
    request to the kernel): changes below it say nothing.
    """
    if len(series) < 2:
        return Trend(Shape.UNCLEAR)
    times, values = series.times, series.values
    spread = float(values.max() - values.min())
    growth = series.growth
    if spread < quantum:
        return Trend(Shape.FLAT, growth, level_seconds=series.seconds)
    level = _level_seconds(times, values)
    step = equal_steps(series)
    # three steps are three, however few readings there are between them
    if step is not None and level <= 2 * step.period_seconds and float(np.diff(values).min()) >= 0:
        return Trend(Shape.RISING, growth, *_rate(times, values, step), step, level)
    floors = block_floors(series)
    if len(floors) < BLOCKS:
        return Trend(Shape.UNCLEAR, growth)
    rises = np.diff(floors)
    if np.all(rises > 0) and floors[-1] - floors[0] >= quantum:
        points = _lower_points(times, values) if _gives_back(values) else (times, values)
        return Trend(Shape.RISING, growth, *_rate(*points, step), step, level)
    if growth <= -quantum and np.all(rises <= 0):
        return Trend(Shape.FALLING, growth)
    # no floor rose beyond what is known of it: what goes up comes down
    known = quantum + _missed(values)
    if floors[-1] - floors[0] < known and _gives_back(values):
        return Trend(Shape.CYCLIC, growth, hidden=known)
    if level >= 2 / BLOCKS * series.seconds:
        swing = _swing(values[times >= times[-1] - level])
        if swing >= max(quantum, spread / 10):  # went up and down below the height it had reached
            hidden = known * series.seconds / level
            return Trend(Shape.CYCLIC, growth, level_seconds=level, hidden=hidden)
        if growth >= quantum:
            return Trend(Shape.STOPPED, growth, level_seconds=level)
    if float(np.ptp(values[:-1])) < quantum:
        # the last reading alone: what traffic holds at that instant it may give back in the next
        return Trend(Shape.FLAT, float(values[-2] - values[0]), level_seconds=series.seconds)
    return Trend(Shape.UNCLEAR, growth, *_rate(times, values, None), None, level)


def block_floors(series: Series) -> NDArray[np.float64]:
    """The smallest value in each fifth of the window; fewer than five where one is empty."""
    edges = np.linspace(series.times[0], series.times[-1], BLOCKS + 1)
    block = np.clip(np.searchsorted(edges, series.times, side="right") - 1, 0, BLOCKS - 1)
    return np.array([series.values[block == b].min() for b in range(BLOCKS) if np.any(block == b)])


def equal_steps(series: Series) -> Step | None:
    """Growth in steps that are multiples of one size, at least three of them, never back.

    The unit is the greatest common divisor of all rises in pages. Memory that grows evenly
    has a divisor of a page or so; only one of 16 pages and more is called a step, and only
    where most readings caught a single one: several between two readings is a rate.
    """
    rises = np.diff(series.values)
    if np.any(rises < 0) or series.unit != "bytes":
        return None
    pages = [round(rise / PAGE_BYTES) for rise in rises[rises > 0]]
    unit = math.gcd(*pages) if pages else 0
    count = sum(pages) // unit if unit else 0
    if unit < 16 or count < 3 or 2 * pages.count(unit) <= len(pages):
        return None
    return Step(unit * PAGE_BYTES, _period(series, count))


def _period(series: Series, count: int) -> float:
    """Seconds per step: from the first rise to the last one where that is long enough.

    A step lies somewhere between two readings; over the whole window that error is smallest.
    """
    moved = np.flatnonzero(np.diff(series.values) > 0)
    first, last = series.times[moved[0] + 1], series.times[moved[-1] + 1]
    first_count = round(
        (series.values[moved[0] + 1] - series.values[moved[0]]) / series.growth * count
    )
    between = count - first_count
    if between >= 2 and last > first:
        return float((last - first) / between)
    return series.seconds / count


def _level_seconds(times: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """For how long the series has stayed within what it had reached."""
    record = np.maximum.accumulate(values)
    risen = np.flatnonzero(np.diff(record) > 0)
    since = times[risen[-1] + 1] if len(risen) else times[0]
    return float(times[-1] - since)


def _missed(values: NDArray[np.float64]) -> float:
    """How far above a floor the lowest reading near it may be: the usual rise between two readings.

    Only where it fell three times, and no more than a tenth of all movement: a leak in a few
    large steps, or with a tooth or two, must not hide in it.
    """
    change, most = np.diff(values), float(np.ptp(values)) / 10
    if np.count_nonzero(change < -most) < 3:
        return 0.0
    return min(float(np.median(change[change > 0])), most)


def _swing(values: NDArray[np.float64]) -> float:
    """The smaller of the largest rise and the largest fall."""
    rise = (values - np.minimum.accumulate(values)).max()
    fall = (np.maximum.accumulate(values) - values).max()
    return float(min(rise, fall))


def _gives_back(values: NDArray[np.float64]) -> bool:
    """Whether more than a tenth of what rises comes down again."""
    change = np.diff(values)
    return bool(-change[change < 0].sum() > 0.1 * change[change > 0].sum())


def _lower_points(
    times: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The floors of a sawtooth: where it turns upwards again."""
    change = np.diff(values)
    turns = np.flatnonzero((change[:-1] < 0) & (change[1:] >= 0)) + 1
    if len(turns) < 3:
        turns = np.flatnonzero(np.minimum.accumulate(values[::-1])[::-1] == values)
    return times[turns], values[turns]


def _rate(
    times: NDArray[np.float64], values: NDArray[np.float64], step: Step | None
) -> tuple[float, tuple[float, float]]:
    """The median slope of all pairs at least half a window apart, and the middle 95 % of them.

    Long pairs are blind to stairs and bursts, and their spread shows what is left of them.
    """
    if step is not None:
        rate = step.bytes / step.period_seconds
        # a step more or less is what a window that begins and ends anywhere may miss
        slack = step.bytes / float(times[-1] - times[0])
        return rate, (max(0.0, rate - slack), rate + slack)
    if len(times) > MOST_POINTS:
        keep = np.linspace(0, len(times) - 1, MOST_POINTS).astype(int)
        times, values = times[keep], values[keep]
    first, second = np.triu_indices(len(times), k=1)
    lag = times[second] - times[first]
    far = lag >= (times[-1] - times[0]) / 2
    if not np.any(far):
        return 0.0, (0.0, 0.0)
    slopes = (values[second][far] - values[first][far]) / lag[far]
    low, median, high = np.percentile(slopes, (2.5, 50, 97.5))
    return float(median), (float(low), float(high))
