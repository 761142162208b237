"""Whether two series tell of one thing: they grow together, at every reading, and not only from end to end."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from memlab.model.series import Series

# Two things that have nothing to do with each other may grow by as much in a window. That they are also never further
# apart than a tenth of it at each of so many readings is no chance: of two growths in independent,
# uneven steps it happens less often than once in a hundred times by readings that are this many
# (Kolmogorov-Smirnov, two sequences of n events are within 0.1 of each other with less than 1 % for n <= 25)
CLOSE = 0.1
FEWEST = 6
# standard deviations of a rank correlation: chance alone goes so far once in 30,000 times
_FAR = 4


def alike(one: Series, other: Series, grain: float, *, scaled: bool = False) -> bool:
    """Whether `one` grew, and `other` as much at the same times; `scaled`: in proportion, by whatever factor."""
    if one.growth < 3 * grain or (both := _together(one, other)) is None:
        return False
    a, b = both
    if scaled:
        return bool(np.abs(a / a[-1] - b / b[-1]).max() <= CLOSE)
    return bool(np.abs(a - b).max() <= CLOSE * a[-1] + grain)


def apart(one: Series, other: Series) -> tuple[float, float]:
    """How far two growths are from each other, as shares of the first: (median, mean), 0 for one and the same.

    An event between the two readings of one instant puts some of them apart by that event, so it is the median that
    says whether they are the same; of two that are, the mean says which is nearer. Endless where there
    is nothing to compare.
    """
    both = _together(one, other)
    if both is None:
        return math.inf, math.inf
    between = both[0] - both[1]
    off = np.abs(between - np.median(between)) / both[0][-1]
    return float(np.median(off)), float(np.mean(off))


def is_no_part(part: Series, whole: Series) -> bool:
    """Whether `whole` lacks what `part` did, whatever others do in it meanwhile.

    Were it a part, the whole without it would be the others', which know nothing of it; else that falls whenever the
    part rises. The ranks of both changes (Spearman 1904) are correlated by chance with a deviation of 1 / sqrt(n - 1).
    """
    if min(len(part), len(whole)) < 2 * FEWEST:
        return False
    times = part.times[(part.times >= whole.times[0]) & (part.times <= whole.times[-1])]
    moved = np.diff(np.interp(times, part.times, part.values))
    others = np.diff(np.interp(times, whole.times, whole.values)) - moved
    if len(moved) < 2 * FEWEST or not np.ptp(moved) or not np.ptp(others):
        return False
    together = float(np.corrcoef(_ranks(moved), _ranks(others))[0, 1])
    return together * math.sqrt(len(moved) - 1) <= -_FAR


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From the lowest on; of equal ones the mean."""
    _, which, many = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(many) - (many - 1) / 2)[which]
    return ranks


def _together(one: Series, other: Series) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """What each has gained at the readings of the first; None where they are too few, or one gained nothing."""
    if min(len(one), len(other)) < FEWEST:
        return None
    inside = (one.times >= other.times[0]) & (one.times <= other.times[-1])
    times = one.times[inside]
    if len(times) < FEWEST:
        return None
    a, b = _from_start(one.values[inside]), _from_start(np.interp(times, other.times, other.values))
    return (a, b) if a[-1] > 0 and b[-1] > 0 else None


def _from_start(values: NDArray[np.float64]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = values - values[0]
    return moved
