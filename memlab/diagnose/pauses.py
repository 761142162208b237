"""Pauses: has a growth stopped, or does it rest as it did before?

Growth comes in events with pauses between them. If it goes on as it did, the pause that is still open
is one more of the same kind. Only those pauses are of that kind that are at least half as long as the
longest: what is shorter is inside a burst. Beyond that half they are taken for pauses without memory, the
least regular that are usual; then the open one exceeds c times the longest of n with a chance of
1/(1 + c) * 2/(2 + c) * ... * n/(n + c), for the longest of n exponential times is a sum of n of them, k times as
fast the k-th, and an open pause c times as slow outlives each with a chance of k/(k + c).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from memlab.model.series import Series

# the chance at which a growth that goes on is taken for one that has ended: each time that a leak is doubted
# for a pause, it is missed
STOPPED = 0.01
# crumbs: in all that time not a hundredth of what even growth would have brought, and by itself less than can be seen
CRUMBS = 0.01
_SEEN = 3  # grains, as in judge.py


@dataclass(frozen=True)
class Pauses:
    """`count` closed pauses of the kind of the longest, `longest` and `open_` in seconds."""

    count: int
    longest: float
    open_: float

    @property
    def surprise(self) -> float:
        """The chance of so long an open pause, if the growth goes on as it did; 1 where nothing is known."""
        if not self.count or self.longest <= 0:
            return 1.0
        beyond = max(0.0, 2 * self.open_ / self.longest - 1)
        order = np.arange(1, self.count + 1)
        return float(np.prod(order / (order + beyond)))

    @property
    def decided_after(self) -> float:
        """How long the open pause must get to be a surprise, in seconds; endless where nothing is known."""
        if not self.count or self.longest <= 0:
            return float("inf")
        length = max(self.open_, self.longest / 2)
        while Pauses(self.count, self.longest, length).surprise > STOPPED:
            length *= 1.1
        return length


def pauses(series: Series, quantum: float) -> Pauses:
    """The pauses between the readings at which a series was a grain higher than ever before.

    What creeps by less than that has not risen: an account moves so much on its own. Nor do crumbs end the
    last pause.
    """
    first, last = float(series.times[0]), float(series.times[-1])
    risen, reached = [first], [float(series.values[0])]
    for time, value in zip(series.times.tolist(), series.values.tolist(), strict=True):
        if value - reached[-1] >= quantum:
            risen.append(time)
            reached.append(value)
    if len(risen) == 1:
        return Pauses(0, 0.0, series.seconds)
    even, top = (reached[-1] - reached[0]) / series.seconds, reached[-1]
    while len(risen) > 2:
        since = top - reached[-2]
        if since >= _SEEN * quantum or since >= CRUMBS * even * (last - risen[-2]):
            break
        risen.pop()
        reached.pop()
    closed = np.diff(risen)
    longest = float(closed.max())
    count = int(np.count_nonzero(closed >= longest / 2))
    return Pauses(count, longest, last - risen[-1])
