"""The floors of a series: what is never given back shows in them, what comes and goes in the peaks.

A window is cut into blocks of equal time, each represented by its floor. Were the floors in random
order, m different ones would stand in rising order with a chance of 1/m!: this is the rate at which
noise passes for growth, whatever its distribution. A block in which nothing new came has the floor of
the one before, so that bursts and pauses are no contradiction: equal floors count once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memlab.model.series import Series

Array = NDArray[np.float64]

# five levels: noise rises so with a chance of 1/5! = 0.8 %
LEVELS = 5
FEWEST_INSTANTS = 2 * LEVELS  # one reading is a floor by no right
# finer blocks find bursts, and more levels; from some hundred readings on they find no more
_BLOCKS = (5, 7, 10, 14, 20)
# of a saw with one tooth or two nobody knows whether the next floor is as low
FEWEST_TEETH = 3


@dataclass(frozen=True)
class Floors:
    """When the floors were met, and what they are; in order of time."""

    times: Array
    values: Array

    @property
    def growth(self) -> float:
        """The last less the first."""
        return float(self.values[-1] - self.values[0]) if len(self.values) else 0.0

    @property
    def levels(self) -> int:
        """How many different ones, where none is below the one before it; else 0."""
        rises = np.diff(self.values)
        return 0 if np.any(rises < 0) else 1 + int(np.count_nonzero(rises))


def blocks_of(series: Series, count: int) -> Floors:
    """The floor of each of `count` blocks of equal time; none of those in which nothing was read."""
    edges = np.linspace(series.times[0], series.times[-1], count + 1)
    block = np.clip(np.searchsorted(edges, series.times, side="right") - 1, 0, count - 1)
    lowest = [
        rows[np.argmin(series.values[rows])]
        for n in range(count)
        if len(rows := np.flatnonzero(block == n))
    ]
    return Floors(series.times[lowest], series.values[lowest])


def clearest(series: Series) -> Floors:
    """The blocks with the most levels that rise all the way; the coarsest where none do.

    Of so many readings that a block has two of them at least: a single one is a floor by no right.
    """
    cuts = [blocks_of(series, n) for n in _BLOCKS if n == LEVELS or 2 * n <= len(series)]
    return max(cuts, key=lambda floors: floors.levels)


def teeth(series: Series, quantum: float) -> Floors:
    """Where the series turned upwards again after it had come down by a grain at least."""
    values, lowest, highest, falling = series.values, 0, 0, False
    turns: list[int] = []
    for n in range(1, len(values)):
        if falling:
            lowest = n if values[n] <= values[lowest] else lowest
            if values[n] - values[lowest] >= quantum:
                turns.append(lowest)
                falling, highest = False, n
        else:
            highest = n if values[n] >= values[highest] else highest
            if values[highest] - values[n] >= quantum:
                falling, lowest = True, n
    return Floors(series.times[turns], values[turns])


def missed(series: Series, floors: Floors) -> float:
    """By how much the floor of a tooth may have been lower than it was read.

    It lies between two readings: by the second one it has climbed again, at most for the time between
    them and usually as fast as it climbs from there to the next.
    """
    if len(floors.values) < FEWEST_TEETH:
        return 0.0
    at = np.searchsorted(series.times, floors.times)
    at = at[at + 1 < len(series)]
    before, after = np.diff(series.times)[at - 1], np.diff(series.times)[at]
    climbs = np.diff(series.values)[at] * before / after
    return float(np.median(climbs)) if len(climbs) else 0.0


def deepest(series: Series, floors: Floors) -> float:
    """The largest fall to one of these floors, from the height before it; 0 without any."""
    at = np.searchsorted(series.times, floors.times)
    heights = np.maximum.accumulate(series.values)[at]
    return float(np.max(heights - floors.values, initial=0.0))


def chance(levels: int) -> float:
    """That noise stands in rising order on so many levels."""
    return 1.0 / math.factorial(levels)


def levels_for(error: float) -> int:
    """How many levels it takes for a chance of no more than `error`; never fewer than `LEVELS`."""
    levels = LEVELS
    while chance(levels) > error:
        levels += 1
    return levels


def in_words(levels: int, of: str = "") -> str:
    """How many floors it rests on (`of` what), and how rarely noise does that."""
    once_in = math.factorial(levels)
    rarely = (
        f"once in {once_in:,} times" if once_in < 10**6 else "less than once in a million times"
    )
    return f"on {levels} floors{of} that rise all the way: noise does that {rarely}"
