"""What a program of the bank shows on an account over time, and how far two curves are apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memlab.model.recording import Recording
from memlab.model.series import Series
from memlab.model.shapes import Shape
from memlab.units import MIB

Array = NDArray[np.float64]

# RSS in statm is a per-CPU counter that is summed late (lib/percpu_counter.c): what moved less
# than 32 pages on each of eight CPUs may not show there yet
STATM_GRAIN = MIB


def _leak(curve: Curve, seconds: Array) -> NDArray[np.int64]:
    return curve.shape.kept(seconds)


def _filled(curve: Curve, seconds: Array) -> NDArray[np.int64]:
    """Grows until it is full, and stays: warm-up, a bounded cache, freed memory that is kept."""
    return np.minimum(curve.shape.taken(seconds), curve.most)


def _burst(curve: Curve, seconds: Array) -> NDArray[np.int64]:
    """All of it in the third event (leakers/c/burst.c)."""
    return curve.most * (curve.shape.taken(seconds) >= 3)


def _teeth(curve: Curve, seconds: Array) -> NDArray[np.int64]:
    """Collected when no more fits: a sawtooth whose floor stays."""
    taken = curve.shape.taken(seconds)
    return np.where(taken > 0, (taken - 1) % curve.most + 1, 0)


def _rotation(curve: Curve, seconds: Array) -> NDArray[np.int64]:
    """Four segments, of which the oldest goes when the newest begins; `most` is all four."""
    taken, segment = curve.shape.taken(seconds), max(1, curve.most // 4)
    whole = np.minimum((taken - 1) // segment, 3)
    return np.where(taken > 0, whole * segment + (taken - 1) % segment + 1, 0)


LAWS: dict[str, Callable[[Curve, Array], NDArray[np.int64]]] = {
    "leak": _leak,
    "filled": _filled,
    "burst": _burst,
    "teeth": _teeth,
    "rotation": _rotation,
}


@dataclass(frozen=True)
class Curve:
    """Units over time, by a shape and a law, as an account shows them.

    `unit` is what one unit is on the account (bytes, or a count); the window opens `lead`
    seconds after the program began to leak, or before it where that is
    negative; `most` is how many units a look-alike holds.
    """

    shape: Shape
    unit: float
    lead: float = 0.0
    law: str = "leak"
    most: int = 0

    def at(self, seconds: ArrayLike) -> Array:
        """Growth since the window opened, so many seconds ago."""
        moments = self.lead + np.concatenate([[0.0], np.asarray(seconds, dtype=np.float64)])
        held = LAWS[self.law](self, moments)
        grown: Array = self.unit * (held[1:] - held[0]).astype(np.float64)
        return grown

    def peak(self, seconds: float) -> int:
        """The most units that it holds up to so many seconds after the window opened."""
        moments = np.linspace(0.0, max(0.0, self.lead + seconds), 2000)
        return int(LAWS[self.law](self, moments).max())


@dataclass(frozen=True)
class Distance:
    """How far two curves are apart: the root of the mean squared gap over the window.

    The level at which a recording begins says nothing of its growth, so both are laid over each
    other at their mean. `size` is in the unit of the account, `share` is of what the recorded
    curve spans from its lowest to its highest, `offset` what was added to the other one.
    """

    size: float
    share: float
    offset: float


def distance(times: Array, recorded: Array, other: Array) -> Distance:
    """The distance of two curves that were read at the same instants; each counts by the time it stands for."""
    weights = np.gradient(times) if len(times) > 1 else np.ones(1)
    gap = recorded - other
    offset = float(np.average(gap, weights=weights))
    size = float(np.sqrt(np.average((gap - offset) ** 2, weights=weights)))
    span = float(recorded.max() - recorded.min())
    return Distance(size, size / span if span else float(size > 0), offset)


def spread(times: Array, recorded: Array) -> float:
    """The distance of a curve from a level line: what is to be explained."""
    return distance(times, recorded, np.zeros(len(recorded))).size


def held(recording: Recording, series: Series) -> Series:
    """A series that was read from mappings, filled where statm shows what it must have been.

    Mappings are read when statm has moved, or a second after the last time: between two looks that
    lie far apart a jump would else become a slope. Where statm is what it was at the look before, or
    what it is at the look after, so is the account; small changes are not told apart that way.
    """
    looked = dict(zip(series.times, series.values, strict=True))
    told = [
        (
            sample.monotonic,
            None if sample.statm is None else (sample.statm.size, sample.statm.resident),
        )
        for sample in recording
    ]
    places = [n for n, (time, _) in enumerate(told) if time in looked]
    points = dict(looked)
    for before, after in pairwise(places):
        (start, was), (end, is_now) = told[before], told[after]
        change = abs(looked[end] - looked[start])
        if was is None or is_now is None:
            continue
        # the size is exact: what was mapped and filled at once shows there however small it is
        mapped = change > 0 and abs(abs(is_now[0] - was[0]) - change) <= change / 16
        if not mapped and ((was == is_now) != (change == 0) or 0 < change < STATM_GRAIN):
            continue
        shown = slice(0, 1) if mapped else slice(0, 2)
        for time, now in told[before + 1 : after]:
            if now and now[shown] in (was[shown], is_now[shown]):
                points[time] = looked[start] if now[shown] == was[shown] else looked[end]
    times = np.array(sorted(points))
    values = np.array([points[time] for time in times])
    return Series(series.name, times, values, series.unit, series.source)
