"""The shape of a leak in time: when its events come, and how many of its units are kept.

The same curves as the leakers draw with `--profile`, `--period`, `--jitter` and `--seed`
(leakers/c/shape.h, leakers/python/_shape.py), number for number. Times are seconds after the
leaker began to leak; a leaker that is late, paused or at its cap is behind its shape.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import ArrayLike, NDArray

LINEAR, STEP, ACCELERATING, BURSTY, SAWTOOTH = PROFILES = (
    "linear",
    "step",
    "accelerating",
    "bursty",
    "sawtooth-with-drift",
)
BURST_CHANCE = 0.25  # of a period to have one
BURST_SHARE = 0.1  # of its period that a burst lasts
TOOTH = 8192  # units given back at once at the latest (leakers/c/harness.h)
_WORD = 2**64 - 1
_SPREAD = 2685821657736338717


@dataclass(frozen=True)
class Shape:
    """A profile and its numbers: `rate` in events a second, `period` in seconds, `jitter` 0 to 1."""

    rate: float
    profile: str = LINEAR
    period: float = 10.0
    jitter: float = 0.0
    seed: int = 1

    @property
    def events_in_period(self) -> int:
        """Events in one period, at least one."""
        return max(1, math.floor(self.rate * self.period + 0.5))

    def due(self, seconds: float) -> NDArray[np.float64]:
        """The times of all events up to `seconds`, in order."""
        if self.jitter == 0 and self.profile != BURSTY:
            return self._even(seconds)
        times: list[float] = []
        last = 0.0
        for time in self._drawn():
            last = max(last, time)  # an event is never before the one that was planned before it
            if last > seconds:
                break
            times.append(last)
        return np.array(times, dtype=np.float64)

    def taken(self, times: ArrayLike, step: int = 1) -> NDArray[np.int64]:
        """Units made up to each of `times`, `step` at each event."""
        at = np.asarray(times, dtype=np.float64)
        due = self.due(float(at.max(initial=0.0)))
        return step * np.searchsorted(due, at, side="right").astype(np.int64)

    def kept(self, times: ArrayLike, step: int = 1) -> NDArray[np.int64]:
        """Units that are leaked at each of `times`: of a sawtooth what its falls have left.

        A fall leaves a tenth of all that was taken until then (leakers/c/harness.h, fall).
        """
        taken = self.taken(times, step)
        if self.profile != SAWTOOTH:
            return taken
        falls = np.floor(np.asarray(times, dtype=np.float64) / self.period) * self.period
        # an event that is due together with a fall comes after it
        due = self.due(float(falls.max(initial=0.0)))
        fallen = step * np.searchsorted(due, falls, side="left").astype(np.int64)
        fallen += (taken - fallen) // TOOTH * TOOTH
        kept: NDArray[np.int64] = fallen // 10 + taken - fallen
        return kept

    def _even(self, seconds: float) -> NDArray[np.float64]:
        """Events to which no chance belongs; one more than fits is made, and cut off."""
        most = self.rate * seconds
        if self.profile == ACCELERATING:
            most *= seconds / (2 * self.period)
        elif self.profile == STEP:
            most = self.events_in_period * math.floor(seconds / self.period + 1)
        event = np.arange(1, math.floor(most) + 2, dtype=np.float64)
        if self.profile == ACCELERATING:
            times = np.sqrt(2 * self.period * event / self.rate)
        elif self.profile == STEP:
            times = self.period * ((event - 1) // self.events_in_period + 1)
        else:
            times = event / self.rate
        return times[times <= seconds]

    def _drawn(self) -> Iterator[float]:
        """Times of events one by one, with the chances drawn as a leaker does: those of jitter apart."""
        chances = _chances(self.seed * _SPREAD & _WORD)
        planned = self._in_bursts() if self.profile == BURSTY else self._planned()
        while True:
            moved = (next(chances) - 0.5) * self.jitter / self.rate if self.jitter else 0.0
            yield next(planned) + moved

    def _planned(self) -> Iterator[float]:
        for event in count(1):
            if self.profile == STEP:
                yield self.period * ((event - 1) // self.events_in_period + 1)
            elif self.profile == ACCELERATING:
                yield math.sqrt(2 * self.period * event / self.rate)
            else:
                yield event / self.rate

    def _in_bursts(self) -> Iterator[float]:
        events = 4 * self.events_in_period
        for start in bursts(self.seed):
            time = start * self.period
            for _ in range(events):
                time += self.period * BURST_SHARE / events
                yield time


def bursts(seed: int) -> Iterator[float]:
    """When bursts begin, in periods: the same for every rate, period and jitter.

    Three periods of four are silent, the fourth does it all.
    """
    chances, period = _chances(seed), 0
    while True:
        while next(chances) > BURST_CHANCE:
            period += 1
        yield period + next(chances) * (1 - BURST_SHARE)
        period += 1


def _chances(word: int) -> Iterator[float]:
    """The same numbers for the same state, evenly from 0 to 1 (xorshift64*, Vigna 2016)."""
    while True:
        word ^= word >> 12
        word ^= word << 25 & _WORD
        word ^= word >> 27
        yield ((word * _SPREAD & _WORD) >> 11) * 2.0**-53
