"""A recorded curve opened for fitting: its unit, its jumps, and the beat in which they come."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from memlab.model.curves import Array, Curve, Distance, distance
from memlab.model.series import Series
from memlab.units import PAGE_BYTES

MOST_EVENTS = 20_000  # in one window: finer grain than that no chart shows


@dataclass(frozen=True)
class Jumps:
    """Rises that follow each other without a rest, taken together: when each began and ended, and its size."""

    start: Array
    end: Array
    size: Array

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True)
class Window:
    """A series from its first reading on; `unit` is how much one unit of the leaker is on it.

    `largest` is the largest unit that would still be one event.
    """

    times: Array
    values: Array
    unit: float
    largest: float

    @property
    def seconds(self) -> float:
        """From the first reading to the last."""
        return float(self.times[-1])

    @property
    def interval(self) -> float:
        """Between two readings, usually."""
        return float(np.median(np.diff(self.times)))

    def off(self, curve: Curve) -> Distance:
        """How far a curve is from this."""
        return distance(self.times, self.values, curve.at(self.times))

    def jumps(self, sign: int = 1) -> Jumps:
        """What rises (or, with -1, falls) between rests."""
        moved = np.diff(self.values) * sign > 0
        edges = np.flatnonzero(np.diff(np.concatenate([[0], moved, [0]])))
        first, last = edges[::2], edges[1::2]
        sizes = (self.values[last] - self.values[first]) * sign
        return Jumps(self.times[first], self.times[last], sizes)

    @property
    def is_stair(self) -> bool:
        """Whether it rests for more of the time than it moves, and never falls."""
        moves, seconds = np.diff(self.values), np.diff(self.times)
        rests = float(seconds[moves == 0].sum())
        return bool(np.all(moves >= 0)) and rests > self.seconds / 2 and len(self.jumps()) >= 2


def window(
    series: Series, default: float, known: float | None = None, page: int = PAGE_BYTES
) -> Window:
    """Open a window on a series; the unit is `known`, or what all changes are multiples of.

    Where nothing of the kind shows it is `default`, or less where the series moves in less. A
    series in counts has a `page` of 1.
    """
    times, values = series.times - series.times[0], series.values - series.values[0]
    changes = np.abs(np.diff(values))
    changes = changes[changes > 0]
    unit = known or default
    if known is None and len(changes):
        common = page * math.gcd(*(round(change / page) for change in changes))
        if common >= 16 * page and common % default:
            unit = common
        elif common < default:  # no grain shows: then it is a fraction of what comes in between
            unit = min(default, max(page, 2.0 ** math.floor(math.log2(np.median(changes) / 4))))
    unit = max(unit, float(changes.sum()) / MOST_EVENTS)
    return Window(times, values, unit, 2 * max(default, known or 0))


def beat_of(moments: Array) -> tuple[float, float]:
    """The period in which moments follow each other, and the first of them by that beat."""
    if len(moments) < 2:
        return 0.0, 0.0
    gaps = np.diff(moments)
    count = np.concatenate([[0], np.cumsum(np.maximum(1, np.round(gaps / np.median(gaps))))])
    period, first = np.polyfit(count, moments, 1)
    return float(period), float(first)


def phases(moved: Jumps) -> list[tuple[float, float]]:
    """Periods with the lead of each, by which every move falls between the readings that show it.

    Those come first that stay clear of the readings by most; a beat that was only averaged comes last.
    """
    middle = (moved.start + moved.end) / 2
    period, first = beat_of(middle)
    if period <= 0:
        return []
    gaps = np.diff(middle)
    nth = 1 + np.concatenate([[0], np.cumsum(np.maximum(1, np.round(gaps / np.median(gaps))))])
    return [*_feasible(period, moved, nth, nth), (period, period - first)]


def phases_of_units(seen: Window, unit: float) -> list[tuple[float, float]]:
    """As `phases`, for single units: where readings are close to each other, several in a row may show one."""
    rises = np.diff(seen.values)
    rows = np.flatnonzero(rises > 0)
    counts = np.maximum(1, np.round(rises[rows] / unit))
    last = np.cumsum(counts)
    moved = Jumps(seen.times[rows], seen.times[rows + 1], rises[rows])
    middle = (moved.start + moved.end) / 2
    if last[-1] < 2:
        return []
    period, origin = np.polyfit(last - (counts - 1) / 2, middle, 1)
    return [
        *_feasible(float(period), moved, last - counts + 1, last),
        (float(period), float(-origin)),
    ]


def _feasible(period: float, moved: Jumps, first: Array, last: Array) -> list[tuple[float, float]]:
    """Periods near this one, and leads, by which events `first` to `last` fall into each move."""
    found = []
    for beat in period * np.linspace(0.94, 1.06, 121):
        low, high = np.max(last * beat - moved.end), np.min(first * beat - moved.start)
        if low < high:
            found.append((float(high - low), float(beat), float(low + high) / 2))
    return [(beat, lead) for _, beat, lead in sorted(found, reverse=True)]
