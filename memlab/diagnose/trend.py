"""The shape of one account over time, and its rate.

What is never given back is in the floors (floors.py), and whether a growth goes on or has stopped in its
pauses (pauses.py); both state their error rates. What is between them is unclear, and stays so until
a longer watch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
import numpy.ma

from memlab.diagnose.floors import (
    FEWEST_TEETH,
    LEVELS,
    Floors,
    blocks_of,
    chance,
    clearest,
    deepest,
    missed,
    teeth,
)
from memlab.diagnose.pauses import CRUMBS, STOPPED, Pauses, pauses
from memlab.model.diagnosis import Step
from memlab.model.series import Series
from memlab.units import PAGE_BYTES

MOST_POINTS = 400  # pairs of points grow with the square; thinned evenly beyond this
FEWEST_STEPS = 3
# what has been level for a whole block may have stopped: that is the grain in which the window is seen
LEVEL_SHARE = 1 / LEVELS
# the chance at which a growth that goes on is left open for having been level: to accuse takes more than to doubt
DOUBTED = 0.05
# a tenth of up to nine rises of like size is none of them, and that none of k comes in the last half, at any times
# independent of each other, is a chance of 1/2 to the power of k: 6 % for the four of five floors, the fewest
_LEFT_OVER = 0.1


class Shape(Enum):
    """What an account did in the window."""

    FLAT = auto()
    RISING = auto()
    STOPPED = auto()  # rose, and has been level since
    CYCLIC = auto()
    FALLING = auto()
    FILLING = auto()  # rises inside what was mapped before: see filling.py
    SLOWING = auto()  # rises less and less: towards a level, it seems
    UNCLEAR = auto()


@dataclass(frozen=True)
class Trend:
    """Shape and rate of one account.

    `growth` is last minus first (bytes or counts), `rate` and `interval` are per second;
    `level_seconds` is for how long it has not risen any more, `hidden` how much growth in the
    window the ups and downs of a cyclic one may hide; `levels` on how many floors the verdict that
    it rises rests, `decided_after` how long its last pause must last to be its end (of one that fills
    what is mapped: the seconds until that is full); `told` how a gap in time was judged (between.py).
    """

    shape: Shape
    growth: float = 0.0
    rate: float = 0.0
    interval: tuple[float, float] = (0.0, 0.0)
    step: Step | None = None
    level_seconds: float = 0.0
    hidden: float = 0.0
    levels: int = 0
    decided_after: float = 0.0
    told: str = ""

    @property
    def chance(self) -> float:
        """That noise looks like this; 1 where it does not rise."""
        return chance(self.levels) if self.shape is Shape.RISING else 1.0


def trend(series: Series, quantum: float) -> Trend:
    """Judge the shape of a series.

    `quantum` is the grain in which this account moves on its own (an allocator's smallest
    request to the kernel): changes below it say nothing.
    """
    if len(series) < 2:
        return Trend(Shape.UNCLEAR)
    if float(np.ptp(series.values)) < quantum:
        return Trend(Shape.FLAT, series.growth, level_seconds=series.seconds)
    rest = pauses(series, quantum)
    return _in_steps(series, rest) or _by_floors(series, quantum, rest)


def _in_steps(series: Series, rest: Pauses) -> Trend | None:
    """Three equal steps are three, however few readings there are between them."""
    step = equal_steps(series)
    if step is None or rest.open_ > 2 * step.period_seconds:
        return None
    count = round(series.growth / step.bytes)
    rate = _rate(series, step)
    return Trend(Shape.RISING, series.growth, *rate, step, rest.open_, levels=count + 1)


def _by_floors(series: Series, quantum: float, rest: Pauses) -> Trend:
    growth, level = series.growth, rest.open_
    floors, saw = clearest(series), teeth(series, quantum)
    if len(blocks_of(series, LEVELS).times) < LEVELS:
        return Trend(Shape.UNCLEAR, growth, *_rate(series, None), None, level)
    known = quantum + missed(series, saw)
    coarse = blocks_of(series, LEVELS)
    full = _full_since(coarse, saw, known)
    if floors.levels >= LEVELS and floors.growth >= known:
        few = _is_few_teeth(series, saw, floors)
        if not few and not (full is not None and _is_level(floors, full, known)):
            return _rising(series, quantum, floors, saw, rest)
    if growth <= -quantum and np.all(np.diff(coarse.values) <= 0):
        return Trend(Shape.FALLING, growth)
    # no floor rose beyond what is known of it, and it came down often enough to know it
    if len(saw.times) >= FEWEST_TEETH and coarse.growth < known:
        return Trend(Shape.CYCLIC, growth, hidden=known)
    if full is not None:
        since = float(series.times[-1]) - full
        hidden = known * series.seconds / since
        return Trend(Shape.CYCLIC, growth, hidden=hidden, level_seconds=since)
    if level >= LEVEL_SHARE * series.seconds and rest.surprise <= STOPPED:
        return _stopped(series, quantum, known, level)
    if float(np.ptp(series.values[:-1])) < quantum:
        # the last reading alone: what traffic holds at that instant it may give back in the next
        before = float(series.values[-2] - series.values[0])
        return Trend(Shape.FLAT, before, level_seconds=series.seconds)
    rate = _rate(series, None)
    return Trend(Shape.UNCLEAR, growth, *rate, None, level, decided_after=rest.decided_after)


def _is_few_teeth(series: Series, saw: Floors, floors: Floors) -> bool:
    """One tooth or two, as deep as all that the floors gained: then these only climb with the tooth they lie in."""
    return len(saw.times) < FEWEST_TEETH and deepest(series, saw) > floors.growth


def _full_since(coarse: Floors, saw: Floors, known: float) -> float | None:
    """When it had filled up, if since then it comes down as often, and as low, as it takes to know it.

    That was before the last three fifths, or at its first tooth, where all are as low as that.
    """
    if len(saw.times) < FEWEST_TEETH:
        return None
    since, first = coarse.times[-FEWEST_TEETH], saw.times[0]
    often = np.count_nonzero(saw.times >= since) >= FEWEST_TEETH
    if often and np.ptp(coarse.values[-FEWEST_TEETH:]) < known:
        return float(since)
    low = [*saw.values, *coarse.values[coarse.times >= first]]
    return float(first) if np.ptp(low) < known else None


def _is_level(floors: Floors, since: float, known: float) -> bool:
    """Whether what the floors still rose is what teeth that were met later explain, and hardly any of the whole."""
    early = floors.values[floors.times <= since]
    late = float(floors.values[-1] - (early[-1] if len(early) else floors.values[0]))
    return late < known and late <= _LEFT_OVER * floors.growth


def _rising(series: Series, quantum: float, floors: Floors, saw: Floors, rest: Pauses) -> Trend:
    """Floors that rise all the way: still going on, ended, or on the way to a level?"""
    step = equal_steps(series)
    below = saw if len(saw.times) >= FEWEST_TEETH else floors
    points = Series(series.name, below.times, below.values) if len(saw.times) else series
    shape, rest = _goes_on(series, quantum, floors, rest)
    return Trend(
        shape,
        series.growth,
        *_rate(points, step),
        step,
        rest.open_,
        levels=floors.levels,
        decided_after=rest.decided_after,
    )


def _goes_on(series: Series, quantum: float, floors: Floors, rest: Pauses) -> tuple[Shape, Pauses]:
    """What its rests make of floors that rise all the way, and the rest that decides it."""
    coarse = pauses(series, max(quantum, CRUMBS * series.growth))
    least = LEVEL_SHARE * series.seconds
    early = _all_early(series, floors, rest)
    if rest.open_ >= least and min(rest.surprise, early) <= STOPPED:
        return Shape.STOPPED, rest
    if rest.surprise <= STOPPED:
        return Shape.UNCLEAR, rest
    if _is_over_but_for_crumbs(series, coarse):
        return Shape.UNCLEAR, coarse
    if min(rest.open_, _since_last_floor(series, floors)) >= least and early <= DOUBTED:
        return Shape.UNCLEAR, rest
    return Shape.SLOWING if _slows(blocks_of(series, LEVELS)) else Shape.RISING, rest


def _all_early(series: Series, floors: Floors, rest: Pauses) -> float:
    """The chance that growth which goes on has all its rises as early in the window as they were.

    Of k rises at any times, independent of each other, all lie in the first share x of the window with a chance of
    x to the power of k. One pause that was as long before says nothing against that.
    """
    share = 1.0 - rest.open_ / series.seconds
    return float(share ** (floors.levels - 1))


def _since_last_floor(series: Series, floors: Floors) -> float:
    """Seconds since a floor was higher than the one before: of steps below a grain too."""
    rises = np.flatnonzero(np.diff(floors.values) > 0)
    return float(series.times[-1] - floors.times[rises[-1] + 1])


def _is_over_but_for_crumbs(series: Series, rest: Pauses) -> bool:
    """It came to an end in a coarser grain, and what came since does not rise all the way by itself.

    A program that has filled its cache goes on to do something. Whether that is a leak, a hundredth as large as what
    it loaded, is not in the floors of what it loaded.
    """
    if rest.open_ < LEVEL_SHARE * series.seconds or rest.surprise > STOPPED:
        return False
    return clearest(series.since(float(series.times[-1]) - rest.open_)).levels < LEVELS


def _slows(floors: Floors) -> bool:
    """Each rise is smaller than the one before it, by a tenth at least, and the last not half of the first.

    What nears a level and halves in three steps loses a fifth at each; a tenth leaves room for noise. Of four rises in
    random order they fall with a chance of 1/4! = 4 %, and of even growth they do not differ by half: a leak is taken
    for a warm-up less often than that.
    """
    rises = np.diff(floors.values)
    return bool(np.all(rises[1:] < 0.9 * rises[:-1]) and 2 * rises[-1] < rises[0])


def _stopped(series: Series, quantum: float, known: float, level: float) -> Trend:
    """Level since its height: or going up and down below it."""
    rest = series.since(float(series.times[-1]) - level)
    if len(teeth(rest, quantum).times) or float(np.ptp(rest.values)) >= quantum:
        hidden = known * series.seconds / level
        return Trend(Shape.CYCLIC, series.growth, level_seconds=level, hidden=hidden)
    if series.growth >= quantum:
        return Trend(Shape.STOPPED, series.growth, level_seconds=level)
    return Trend(Shape.FLAT, series.growth, level_seconds=level)


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
    if unit < 16 or count < FEWEST_STEPS or 2 * pages.count(unit) <= len(pages):
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


def _rate(series: Series, step: Step | None) -> tuple[float, tuple[float, float]]:
    """The median slope of all pairs at least half a window apart, and the middle 95 % of them.

    Long pairs are blind to stairs and bursts, and their spread shows what is left of them.
    """
    times, values = series.times, series.values
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
