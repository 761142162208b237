"""Growing together: at every reading, not from end to end only."""

from __future__ import annotations

import numpy as np

from memlab.diagnose.alike import alike
from memlab.model.series import Series

TIMES = np.arange(20.0)


def series(values, times=TIMES):
    return Series("x", np.asarray(times, float), np.asarray(values, float))


def test_what_grows_by_as_much_at_the_same_times_is_alike_wherever_it_began():
    assert alike(series(TIMES * 100), series(5000 + TIMES * 100), 10)
    assert alike(series(TIMES * 100), series(np.arange(40) * 50, np.arange(40) / 2), 10)


def test_the_same_growth_at_other_times_is_not():
    late = np.where(TIMES < 10, 0, (TIMES - 10) * 190 / 0.9)
    assert not alike(series(TIMES * 100), series(late), 10)


def test_twice_the_growth_is_alike_only_when_scaled():
    assert not alike(series(TIMES * 100), series(TIMES * 200), 10)
    assert alike(series(TIMES * 100), series(TIMES * 200), 10, scaled=True)


def test_too_few_readings_or_no_growth_say_nothing():
    assert not alike(series([0, 100, 200], [0, 1, 2]), series([0, 100, 200], [0, 1, 2]), 10)
    assert not alike(series(TIMES * 0), series(TIMES * 100), 10)
