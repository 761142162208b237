"""Whether two series tell of one thing: they grow together, at every reading, and not only from end to end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memlab.model.series import Series

# Two things that have nothing to do with each other may grow by as much in a window. That they are also never further
# apart than a tenth of it at each of so many readings is no chance: of two growths in independent,
# uneven steps it happens less often than once in a hundred times by readings that are this many
# (Kolmogorov-Smirnov, two sequences of n events are within 0.1 of each other with less than 1 % for n <= 25)
CLOSE = 0.1
FEWEST = 6


def alike(one: Series, other: Series, grain: float, *, scaled: bool = False) -> bool:
    """Whether `one` grew, and `other` as much at the same times; `scaled`: in proportion, by whatever factor."""
    if len(one) < FEWEST or len(other) < FEWEST or one.growth < 3 * grain or other.growth <= 0:
        return False
    inside = (one.times >= other.times[0]) & (one.times <= other.times[-1])
    times = one.times[inside]
    if len(times) < FEWEST:
        return False
    first, second = one.values[inside], np.interp(times, other.times, other.values)
    a, b = _from_start(first), _from_start(second)
    if a[-1] <= 0 or b[-1] <= 0:
        return False
    if scaled:
        return bool(np.abs(a / a[-1] - b / b[-1]).max() <= CLOSE)
    return bool(np.abs(a - b).max() <= CLOSE * a[-1] + grain)


def _from_start(values: NDArray[np.float64]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = values - values[0]
    return moved
