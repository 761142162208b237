"""What others would have said of the same resident memory: four plain detectors.

Each takes times in seconds and resident bytes, and says whether it is a leak. They are set as
their sources set them, and not tuned to the bank.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from memlab.model.recording import Recording
from memlab.units import MIB

Array = NDArray[np.float64]

THRESHOLD_BYTES = 100 * MIB
THRESHOLD_READINGS = 5
ALPHA = 0.05  # the error rate at which all three tests are usually run


def rss_threshold(_times: Array, values: Array) -> bool:
    """Above a fixed size, 100 MB, for five readings: as the rules do by which Monit and its like restart."""
    last = values[-THRESHOLD_READINGS:]
    return len(last) == THRESHOLD_READINGS and bool(np.all(last > THRESHOLD_BYTES))


def linear_slope(times: Array, values: Array) -> bool:
    """A straight line whose slope is above zero by a t-test (ordinary least squares, one-sided 5 %)."""
    return slope_t(times, values) > t_critical(ALPHA, len(values) - 2) if len(values) > 4 else False


def mann_kendall(_times: Array, values: Array) -> bool:
    """A monotonic trend upwards (Mann 1945, Kendall 1975; ties corrected, one-sided 5 %)."""
    return mann_kendall_z(values) > _normal_critical(ALPHA)


def change_point(_times: Array, values: Array) -> bool:
    """A change to a higher level (Pettitt 1979, one-sided 5 %)."""
    statistic, probability = pettitt(values)
    return statistic > 0 and probability < ALPHA


BASELINES: dict[str, Callable[[Array, Array], bool]] = {
    "RSS threshold": rss_threshold,
    "linear slope": linear_slope,
    "Mann-Kendall": mann_kendall,
    "change-point": change_point,
}


def judged_by_all(recording: Recording) -> dict[str, bool]:
    """What each says of a recording's resident memory, as pidstat and top show it (statm resident)."""
    series = recording.series("statm.resident")
    return {name: judge(series.times, series.values) for name, judge in BASELINES.items()}


def slope_t(times: Array, values: Array) -> float:
    """Slope over its standard error; 0 for a level line, infinite for an exact one that rises."""
    x, y = times - times.mean(), values - values.mean()
    squares = float(x @ x)
    slope = float(x @ y) / squares
    rest = float(((y - slope * x) ** 2).sum())
    if rest <= 1e-12 * max(1.0, float(y @ y)):
        return math.copysign(math.inf, slope) if abs(slope) > 0 else 0.0
    return slope / math.sqrt(rest / (len(x) - 2) / squares)


def t_critical(alpha: float, freedom: int) -> float:
    """The upper quantile of Student's t (Cornish-Fisher: Abramowitz and Stegun 26.7.5)."""
    z, n = _normal_critical(alpha), freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def mann_kendall_z(values: Array) -> float:
    """The standardised count of rising minus falling pairs; 0 where nothing moved."""
    n = len(values)
    later, earlier = np.triu_indices(n, k=1)[::-1]
    score = int(np.sign(values[later] - values[earlier]).sum())
    _, ties = np.unique(values, return_counts=True)
    tied = int((ties * (ties - 1) * (2 * ties + 5)).sum())
    variance = (n * (n - 1) * (2 * n + 5) - tied) / 18
    return (score - math.copysign(1, score)) / math.sqrt(variance) if score and variance else 0.0


def pettitt(values: Array) -> tuple[float, float]:
    """(K, probability): K above zero where the later part is higher; the approximation of Pettitt."""
    n = len(values)
    if n < 3:
        return 0.0, 1.0
    signs = np.sign(values[None, :] - values[:, None])
    # of every cut: pairs across it that rise, less those that fall
    cut = np.array([signs[: t + 1, t + 1 :].sum() for t in range(n - 1)])
    most = float(cut.max())
    if most <= 0:
        return 0.0, 1.0
    return most, min(1.0, math.exp(-6 * most**2 / (n**3 + n**2)))


def _normal_critical(alpha: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(1 - alpha)
