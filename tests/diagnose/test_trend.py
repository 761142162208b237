"""The shape of a series, on series whose truth is known because they are made here."""

import numpy as np
import pytest

from memlab.diagnose.floors import missed, teeth
from memlab.diagnose.trend import Shape, equal_steps, trend
from memlab.model.series import Series

KIB, MIB = 1024, 1 << 20
QUANTUM = 128 * KIB
TIMES = np.arange(0, 15, 0.2)
PLENTY = np.arange(0, 20, 0.2)


def series(values, times=TIMES):
    return Series("made", np.asarray(times, float), np.asarray(values, float))


def test_a_constant_is_flat():
    assert trend(series(np.full(len(TIMES), 5e6)), QUANTUM).shape is Shape.FLAT


def test_movement_below_the_grain_is_flat():
    assert trend(series(TIMES * 1000), QUANTUM).shape is Shape.FLAT


@pytest.mark.parametrize("rate", [64 * KIB, 2 << 20, 50 << 20])
def test_steady_growth_rises_at_its_rate(rate):
    found = trend(series(1e7 + TIMES * rate), QUANTUM)
    assert found.shape is Shape.RISING
    assert found.rate == pytest.approx(rate, rel=0.01)
    assert found.interval[0] <= rate <= found.interval[1]


@pytest.mark.parametrize("seed", range(10))
def test_noise_does_not_hide_growth_nor_bend_its_rate(seed):
    noise = np.random.default_rng(seed).normal(0, 100 * KIB, len(TIMES))
    found = trend(series(1e7 + TIMES * (1 << 20) + noise), QUANTUM)
    assert found.shape is Shape.RISING
    assert found.rate == pytest.approx(1 << 20, rel=0.05)


def test_two_steps_a_second_are_found_as_steps():
    step = 10244 * KIB
    found = trend(series(1e7 + step * np.floor(TIMES * 2 + 0.3)), QUANTUM)
    assert found.step is not None
    assert found.step.bytes == step
    assert found.step.period_seconds == pytest.approx(0.5, rel=0.03)
    assert found.rate == pytest.approx(2 * step, rel=0.03)


def test_one_step_a_minute_needs_three_of_them():
    """The app_server of the course: 10,244 kB each minute, seen once a second."""
    times = np.arange(0, 245.0)
    values = 299_029_776 * KIB + 10244 * KIB * np.floor((times + 2) / 60)
    found = trend(series(values, times), QUANTUM)
    assert found.shape is Shape.RISING
    assert found.step is not None
    assert (found.step.bytes, found.step.period_seconds) == (10244 * KIB, pytest.approx(60, abs=1))
    assert equal_steps(series(values[:110], times[:110])) is None


def test_three_steps_are_three_though_it_was_seldom_read_between_them():
    """Mappings are read when something moves, and else once a second."""
    times = [0, 1, 1.2, 2.2, 3.2]
    found = trend(series([10244 * KIB * n for n in (0, 0, 1, 2, 3)], times), QUANTUM)
    assert found.shape is Shape.RISING
    assert found.step is not None and found.step.period_seconds == pytest.approx(1)
    assert trend(series([10244 * KIB * n for n in (0, 0, 1, 2)], times[:4]), QUANTUM).step is None


def test_a_warm_up_stops():
    values = 1e7 + np.minimum(TIMES, 4) * (1 << 20)
    found = trend(series(values), QUANTUM)
    assert found.shape is Shape.STOPPED
    assert found.level_seconds == pytest.approx(11, abs=0.5)


def test_a_sawtooth_with_a_level_floor_is_cyclic():
    values = 1e7 + (TIMES % 2.0) * (4 << 20)
    assert trend(series(values), QUANTUM).shape is Shape.CYCLIC


@pytest.mark.parametrize("phase", np.arange(0, 0.2, 0.02))
def test_a_sawtooth_that_began_with_the_watch_is_cyclic(phase):
    """The first floor is where it began, and a reading seldom meets a floor or a peak."""
    chunks = np.floor(np.maximum(PLENTY + phase - 0.5, 0) * 16)
    values = 1e7 + 256 * KIB * (chunks % 48)
    found = trend(series(values, PLENTY), QUANTUM)
    assert found.shape is Shape.CYCLIC
    assert 0 < found.hidden < 4 << 20


@pytest.mark.parametrize("phase", np.arange(0, 0.2, 0.02))
def test_what_fills_and_then_rises_and_falls_is_cyclic_and_no_warm_up(phase):
    """A log of four segments, of which the oldest goes: the floors rise until there are four."""
    chunks = np.floor(np.maximum(PLENTY + phase - 0.5, 0) * 16)
    whole = np.minimum(chunks // 12, 3) * 12
    values = 1e7 + 256 * KIB * (whole + chunks % 12)
    found = trend(series(values, PLENTY), QUANTUM)
    assert found.shape is Shape.CYCLIC
    assert found.level_seconds > 8


@pytest.mark.parametrize("phase", np.arange(0, 2, 0.25))
def test_what_fills_for_most_of_the_window_and_then_rises_and_falls_three_times_is_cyclic(phase):
    times = np.arange(0, 60.1, 0.6)
    chunks = np.floor((times + phase) * 16)
    values = MIB * np.where(chunks < 640, chunks, 480 + (chunks - 640) % 96)
    found = trend(series(values, times), 4 * KIB)
    assert found.shape is Shape.CYCLIC
    assert found.level_seconds == pytest.approx(60 - (40 - phase), abs=1)
    # and what grows on from the last of these floors is a leak again
    grown = values + MIB * np.maximum(0, times - 45) ** 2
    assert trend(series(grown, times), 4 * KIB).shape in (Shape.RISING, Shape.UNCLEAR)


def test_a_crumb_after_a_cache_is_full_does_not_make_it_go_on():
    times = np.arange(0, 60.1, 0.2)
    full = 16 * MIB * np.minimum(times, 34)
    found = trend(series(full + 544 * KIB * (times > 43), times), QUANTUM)
    assert found.shape is Shape.UNCLEAR
    assert found.level_seconds == pytest.approx(26, abs=1)


def test_what_rose_early_on_few_floors_and_rests_since_is_left_open():
    """lru-cache 7.8.1 in node fills for 23 s of a minute, and is level for 37: it read its mappings seldom."""
    times = np.arange(0, 60.1, 1.6)
    values = 1.6 * MIB * np.minimum(times, 9) + 2.5 * MIB * np.clip(times - 17, 0, 5)
    assert trend(series(values, times), QUANTUM).shape is Shape.UNCLEAR


def test_what_leaks_a_little_after_a_cache_is_full_leaks():
    times = np.arange(0, 60.1, 0.2)
    values = 16 * MIB * np.minimum(times, 34) + 200 * KIB * np.maximum(0, times - 34)
    assert trend(series(values, times), QUANTUM).shape is Shape.RISING


@pytest.mark.parametrize("phase", np.arange(0, 4, 0.25))
def test_three_teeth_of_a_sawtooth_that_drifts_are_not_cyclic(phase):
    """A tenth of each tooth stays, which is more than a reading may miss of a floor."""
    times = np.arange(0, 14, 0.2)
    teeth, within = np.divmod(times + phase, 4)
    values = 1e7 + (4 << 20) * (within + 0.4 * teeth)
    assert trend(series(values, times), QUANTUM).shape in (Shape.RISING, Shape.UNCLEAR)


def test_a_sawtooth_with_rising_floors_leaks_at_the_rate_of_the_floors():
    values = 1e7 + (TIMES % 1.0) * (8 << 20) + TIMES * (1 << 20)
    found = trend(series(values), QUANTUM)
    assert found.shape is Shape.RISING
    assert found.rate == pytest.approx(1 << 20, rel=0.1)


def test_shrinking_is_falling():
    assert trend(series(1e8 - TIMES * (1 << 20)), QUANTUM).shape is Shape.FALLING


def test_a_single_jump_is_no_rising():
    values = np.where(TIMES < 7, 1e7, 3e7)
    assert trend(series(values), QUANTUM).shape is not Shape.RISING


def test_too_few_points_are_unclear():
    assert trend(series([1e6, 9e6], [0.0, 15.0]), QUANTUM).shape is Shape.UNCLEAR
    assert trend(series([], []), QUANTUM).shape is Shape.UNCLEAR


def test_random_order_rises_as_seldom_as_the_error_rate_says():
    """1/5! of five floors in random order rise all the way; 2,000 draws stay within 3 sigma."""
    random = np.random.default_rng(7)
    draws = 2000
    rose = sum(
        trend(series(1e7 + random.normal(0, 4 << 20, len(TIMES))), QUANTUM).shape is Shape.RISING
        for _ in range(draws)
    )
    assert rose <= draws / 120 + 3 * (draws / 120) ** 0.5


def test_what_rose_early_and_rests_for_most_of_the_window_has_stopped():
    """One pause of 8 s amid the rises does not make 42 s of rest one more of its kind."""
    heights = [(1, 2), (2, 4), (3, 6), (12, 9), (14, 12), (16, 15), (18, 18)]
    times = np.arange(0.0, 60.5, 1.0)
    values = np.array([max([0, *(h for t, h in heights if t <= now)]) for now in times]) * float(
        MIB
    )
    found = trend(series(values, times), QUANTUM)
    assert found.shape is Shape.STOPPED
    assert found.level_seconds == pytest.approx(42)


def test_rises_all_over_the_window_go_on_whatever_their_pauses():
    times = np.arange(0.0, 60.5, 1.0)
    values = np.array([sum(now >= t for t in (3, 14, 21, 33, 47)) for now in times]) * float(MIB)
    assert trend(series(values, times), QUANTUM).shape is Shape.RISING


def test_two_teeth_do_not_make_the_floors_of_a_climb():
    """Blocks that are shorter than a tooth have floors that climb with it."""
    times = np.arange(0.0, 60.5, 1.5)
    values = (times % 23.5) * 16 * MIB + 2 * MIB
    assert trend(series(values, times), QUANTUM).shape is Shape.UNCLEAR


def test_two_shallow_dips_do_not_hide_a_growth():
    times = np.arange(0.0, 60.5, 1.5)
    values = times * 16.0 * MIB - 20.0 * MIB * ((times == 21) | (times == 42))
    assert trend(series(values, times), QUANTUM).shape is Shape.RISING


def test_a_tooth_may_have_been_lower_by_all_that_it_climbed_since_the_reading_before():
    times = np.array([0.0, 4.0, 8.0, 9.0, 13.0, 17.0, 18.0, 22.0, 26.0, 27.0, 31.0])
    values = np.array([4.0, 8.0, 1.0, 2.0, 6.0, 1.0, 2.0, 6.0, 1.0, 2.0, 6.0]) * MIB
    seen = series(values, times)
    assert missed(seen, teeth(seen, QUANTUM)) == pytest.approx(4 * MIB)


def test_floors_that_were_met_later_in_each_tooth_do_not_rise():
    """A log is rotated: each time the look comes a little later after the fall, and finds a little more."""
    times = np.arange(0, 60.1, 0.6)
    values = MIB * np.where(times < 21.6, 2 + times / 0.9, 26 + 0.9 * ((times - 21.6) % 8.3))
    found = trend(series(values, times), 4 * KIB)
    assert found.shape is Shape.CYCLIC
    # and the same teeth, of which each stands higher by more than is climbed between two looks, are a leak
    drifting = values + MIB * np.where(times < 21.6, 0, np.floor((times - 21.6) / 8.3))
    assert trend(series(drifting, times), 4 * KIB).shape is Shape.RISING
