"""The shape of a leak in time: when the next event is due."""

import math

MASK = 2**64 - 1
SPREAD = 2685821657736338717


class Shape:
    """When the next event is due; memlab/model/shapes.py draws the same curves."""

    def __init__(self, options):
        self._options = options
        # apart, so that jitter moves no burst
        self._bursts, self._jitter = chances(options.seed), chances(options.seed * SPREAD & MASK)

    def begin(self, now):
        """After the start, a new pace or a pause: there is nothing to catch up with."""
        self._origin, self._due, self._event = now, now, 0
        self._burst, self._burst_at, self._period = 0, 0.0, 0
        return self.next()

    def next(self):
        """The moment of the next event; `--jitter` moves it, and not those that follow,
        but never before the last.
        """
        options = self._options
        moved = (next(self._jitter) - 0.5) * options.jitter / options.rate if options.jitter else 0
        self._due = max(self._due, self._origin + self._planned() + moved)
        return self._due

    def _planned(self):
        rate, period, profile = self._options.rate, self._options.period, self._options.profile
        self._event += 1
        each = max(1, math.floor(rate * period + 0.5))  # as C rounds
        if profile == "step":
            return period * ((self._event - 1) // each + 1)
        if profile == "accelerating":
            return math.sqrt(2 * period * self._event / rate)
        if profile != "bursty":
            return self._event / rate
        if self._burst == 0:  # three periods of four are silent, the fourth does it all
            while next(self._bursts) > 0.25:
                self._period += 1
            self._burst = 4 * each
            self._burst_at = (self._period + next(self._bursts) * 0.9) * period
            self._period += 1
        self._burst -= 1
        self._burst_at += period / 10 / (4 * each)
        return self._burst_at


def chances(state):
    """The same numbers for the same state, evenly from 0 to 1 (xorshift64*, Vigna 2016)."""
    while True:
        state ^= state >> 12
        state ^= state << 25 & MASK
        state ^= state >> 27
        yield ((state * SPREAD & MASK) >> 11) * 2.0**-53
