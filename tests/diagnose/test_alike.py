"""Growing together: at every reading, not from end to end only."""

from __future__ import annotations

import numpy as np

from memlab.diagnose.alike import alike, is_no_part
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


def others(seed, events=100):
    """What somebody else leaves and takes back in the same place: twice as much, at times of its own."""
    drawn = np.random.default_rng(seed)
    return np.concatenate([[0.0], np.cumsum(drawn.choice([0, 0, 0, 20, 20, -30], events))])


def saw(events=100):
    """Ten up, and every tenth time most of it down again."""
    steps = np.where(np.arange(1, events + 1) % 10 == 0, -70.0, 10.0)
    return np.concatenate([[0.0], np.cumsum(steps)])


def test_what_lies_elsewhere_is_missing_in_the_whole_and_a_part_is_not():
    times = np.arange(101.0)
    seen = [
        (
            is_no_part(series(saw(), times), series(others(seed), times)),
            is_no_part(series(saw(), times), series(others(seed) + saw(), times)),
        )
        for seed in range(300)
    ]
    elsewhere, part = zip(*seen, strict=True)
    assert sum(elsewhere) > 240
    assert not any(part)


def test_of_a_few_readings_or_of_none_that_move_nothing_is_said():
    times = np.arange(10.0)
    assert not is_no_part(series(times * 5, times), series(-times * 5, times))
    assert not is_no_part(series(times * 0, times), series(times * 5, times))
