"""Curves that are drawn here, so that their truth is known: the fit must find it again."""

import numpy as np
import pytest

from memlab.model.curves import Curve, distance, held
from memlab.model.fit import burst, filled, leaks, teeth
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.model.shapes import Shape
from memlab.model.window import window
from memlab.procfs.host import InstantTexts

MIB, UNIT = 1 << 20, 256 << 10
TIMES = np.arange(0, 30, 0.2)


def series(curve, times=TIMES, noise=0, seed=0):
    values = 50 * MIB + curve.at(times)
    if noise:
        values = values + np.random.default_rng(seed).normal(0, noise, len(times))
    return Series("made", 1000 + times, values)


def closest(made, default=UNIT):
    opened = window(made, default)
    found = {curve.shape.profile: (opened.off(curve), curve) for curve in leaks(opened)}
    name = min(found, key=lambda profile: found[profile][0].size)
    return name, *found[name]


@pytest.mark.parametrize("lead", [0, 3.3])
@pytest.mark.parametrize(
    "shape",
    [
        Shape(8, "linear"),
        Shape(8, "step", 3),
        Shape(8, "accelerating", 12),
        Shape(16, "sawtooth-with-drift", 3.1),
        Shape(16, "bursty", 1.2, seed=7),
        Shape(16, "bursty", 0.9, seed=3),
    ],
    ids=str,
)
def test_a_profile_and_its_numbers_are_found_again(shape, lead):
    truth = Curve(shape, UNIT, lead)
    name, off, found = closest(series(truth))
    assert name == shape.profile
    assert off.share < 0.02
    assert (
        found.unit * found.shape.rate / found.shape.period
        == pytest.approx(
            truth.unit * shape.rate / (shape.period if name != "linear" else 10), rel=0.1
        )
        or name != "accelerating"
    )
    if name != "accelerating":  # of that, only rate / period shows
        assert found.unit * found.shape.rate == pytest.approx(UNIT * shape.rate, rel=0.1)
    if name not in ("linear", "accelerating"):
        assert found.shape.period == pytest.approx(shape.period, rel=0.2)


@pytest.mark.parametrize("seed", range(5))
def test_noise_makes_no_profile_of_a_straight_line(seed):
    made = series(Curve(Shape(8), UNIT), noise=100 << 10, seed=seed)
    opened = window(made, UNIT)
    curves = list(leaks(opened))
    line = curves[0]
    assert line.shape.profile == "linear"
    assert line.unit * line.shape.rate == pytest.approx(2 * MIB, rel=0.02)
    assert all(opened.off(line).size < 2 * opened.off(other).size for other in curves)


def test_a_stair_of_large_units_is_linear_and_one_of_many_units_is_not():
    """One thread stack every 2 s is an event; 8 MiB at once are eight events of a usual MiB."""
    stacks = Curve(Shape(0.5), 10244 << 10)
    opened = window(series(stacks), 10244 << 10)
    assert next(leaks(opened)).shape.profile == "linear"
    assert "step" not in [curve.shape.profile for curve in leaks(opened)]
    name, off, found = closest(series(Curve(Shape(4, "step", 2), MIB)), MIB)
    assert (name, off.share < 0.01) == ("step", True)
    assert found.unit == MIB
    assert found.shape.events_in_period == 8


def test_uneven_moments_are_jitter():
    truth = Curve(Shape(0.5, jitter=0.8, seed=5), 2 * UNIT)
    found = next(leaks(window(series(truth, np.arange(0, 60, 0.2)), UNIT)))
    assert found.shape.profile == "linear"
    assert found.shape.jitter == pytest.approx(0.8, abs=0.3)
    assert found.shape.rate == pytest.approx(0.5, rel=0.1)


def test_look_alikes_are_found_again():
    grown = Curve(Shape(16), UNIT, law="filled", most=30)
    found = filled(window(series(grown), UNIT))
    assert (found.most, found.shape.rate) == (30, pytest.approx(16, rel=0.05))
    once = Curve(Shape(0.5), UNIT, law="burst", most=64)
    found = burst(window(series(once), UNIT))
    assert found.most * found.unit == 64 * UNIT
    assert found.shape.rate == pytest.approx(0.5, rel=0.05)
    for law, lead in (("teeth", 0), ("teeth", 1.7), ("rotation", 0), ("rotation", 30)):
        saw = Curve(Shape(8), UNIT, lead, law, most=48)
        opened = window(series(saw, np.arange(0, 40, 0.2)), UNIT)
        found = teeth(opened, law)
        assert opened.off(found).share < 0.1, (law, lead)
        assert found.shape.rate * found.unit == pytest.approx(2 * MIB, rel=0.1)
        assert found.most * found.unit == pytest.approx(12 * MIB, rel=0.1)


def test_a_level_line_has_no_curve():
    opened = window(Series("made", TIMES, np.full(len(TIMES), 5e6)), UNIT)
    assert list(leaks(opened)) == []
    assert [fit(opened) for fit in (filled, burst, teeth)] == [None] * 3


def test_units_of_things_stay_whole():
    made = Series("made", TIMES, np.floor(TIMES * 3) * 2, "count")
    opened = window(made, 2.0, page=1)
    found = next(leaks(opened))
    assert (found.unit, found.shape.rate) == (2.0, pytest.approx(3, rel=0.05))


# --- the distance --------------------------------------------------------------------------------------


def test_the_distance_is_the_root_of_the_mean_squared_gap_and_blind_to_the_level():
    ramp = TIMES * MIB
    assert distance(TIMES, ramp, ramp + 7 * MIB).size == pytest.approx(0, abs=1e-3)
    wave = ramp + MIB * np.where(np.arange(len(TIMES)) % 2, 1, -1)
    off = distance(TIMES, ramp, wave)
    assert off.size == pytest.approx(MIB, rel=0.01)
    assert off.share == pytest.approx(MIB / np.ptp(ramp), rel=0.01)


def test_a_reading_counts_by_the_time_it_stands_for():
    times = np.array([0, 1, 2, 2.001, 2.002, 2.003, 3, 4, 5])
    gap = np.where((times >= 2) & (times < 3), 1.0, 0.0)
    few = distance(times, gap, np.zeros(len(times))).size
    assert few < np.std(gap)


# --- what lies between two looks -----------------------------------------------------------------------


def recorded(statm_pages, sizes=None):
    """A recording in which only statm was read, five times a second."""
    sizes = sizes or statm_pages
    samples = [
        Sample(n, 42, n / 5, n / 5, 0, 0, InstantTexts({"/proc/42/statm": b"%d %d 0 0 0 0 0\n" % pair}, []))
        for n, pair in enumerate(zip(sizes, statm_pages, strict=True))
    ]  # fmt: skip
    return Recording(Header(target={"pid": 42}), tuple(samples))


def test_between_two_looks_a_jump_stays_where_statm_saw_it():
    recording = recorded([1000, 1000, 1000, 9000, 9000])
    looked = Series("rss", np.array([0.0, 0.8]), np.array([0.0, 8000 * 4096.0]))
    filled_in = held(recording, looked)
    assert list(filled_in.times) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert list(filled_in.values) == [0, 0, 0, 8000 * 4096, 8000 * 4096]


def test_what_moved_in_between_is_not_made_up():
    recording = recorded([1000, 3000, 5000, 7000, 9000])
    looked = Series("rss", np.array([0.0, 0.8]), np.array([0.0, 8000 * 4096.0]))
    assert list(held(recording, looked).times) == [0, 0.8]


def test_a_small_change_is_not_told_by_statm():
    recording = recorded([1000, 1000, 1000, 1000, 1000])
    looked = Series("rss", np.array([0.0, 0.8]), np.array([0.0, 100 * 1024.0]))
    assert list(held(recording, looked).times) == [0, 0.8]


def test_a_small_change_that_came_with_address_space_is():
    recording = recorded([1000] * 5, sizes=[5000, 5000, 5000, 5025, 5025])
    looked = Series("rss", np.array([0.0, 0.8]), np.array([0.0, 100 * 1024.0]))
    assert list(held(recording, looked).values) == [0, 0, 0, 100 * 1024, 100 * 1024]


@pytest.mark.parametrize("rate", [1.3, 2, 2.4])
def test_units_that_follow_each_other_closely_are_told_apart(rate):
    """At two a second and readings at 0.2 and 0.4 s, two of them often rise in a row."""
    times = np.cumsum(np.tile([0.2, 0.4, 0.2], 20))
    opened = window(series(Curve(Shape(rate), 10244 << 10), times), 10244 << 10)
    found = next(leaks(opened))
    assert found.shape.rate == pytest.approx(rate, rel=0.01)
    assert opened.off(found).share < 0.01
