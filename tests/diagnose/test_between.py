"""Growth across a gap: what two looks show, and what they cannot."""

from dataclasses import replace

import numpy as np
import pytest

from memlab.diagnose import diagnose
from memlab.diagnose.between import MOST_CHANCE, across_gap, pieces
from memlab.diagnose.trend import Shape
from memlab.model.diagnosis import Verdict, Why
from memlab.model.recording import Recording
from memlab.model.series import Series
from memlab.observe.joined import join
from tests.diagnose.made import KIB, MIB, A, made, mapping

HOUR = 3600.0
QUANTUM = 128 * KIB


def series(*looks, seconds=10.0, every=0.5):
    """Looks as (when it begins, value at t since then)."""
    times = np.concatenate([at + np.arange(0, seconds + every / 2, every) for at, _ in looks])
    values = np.concatenate(
        [[f(t) for t in np.arange(0, seconds + every / 2, every)] for _, f in looks]
    )
    return Series("made", times, values.astype(float), "bytes", "made")


def level(amount):
    return lambda t: amount


def noisy(amount, swing, seed):
    drawn = np.random.default_rng(seed)
    return lambda t: amount + drawn.uniform(0, swing)


def test_without_a_gap_it_has_no_say():
    assert across_gap(series((0, lambda t: t * MIB)), QUANTUM) is None
    sparse = Series("made", np.arange(0, 60, 15.0), np.arange(4.0) * MIB, "bytes", "made")
    assert across_gap(sparse, QUANTUM) is None
    assert len(pieces(Series("made", np.array([]), np.array([]), "bytes", "made"))) == 1


def test_what_did_not_move_is_left_to_the_trend():
    assert across_gap(series((0, level(MIB)), (HOUR, level(MIB + KIB))), QUANTUM) is None


def test_more_after_the_gap_is_unclear_as_long_as_it_may_have_settled():
    found = across_gap(series((0, level(100 * MIB)), (HOUR, level(150 * MIB))), QUANTUM)
    assert found.shape is Shape.UNCLEAR
    assert found.growth == 50 * MIB
    low, high = found.interval
    assert low <= 50 * MIB / HOUR <= high and low <= found.rate <= high


def test_what_rises_within_the_last_look_goes_on():
    leak = 64 * KIB
    found = across_gap(
        series((0, lambda t: leak * t), (HOUR, lambda t: leak * (HOUR + t))), QUANTUM
    )
    assert found.shape is Shape.RISING
    assert found.interval[0] <= leak <= found.interval[1]
    assert "since" in found.told


def test_what_grew_and_has_visibly_stopped_has_settled():
    found = across_gap(series((0, level(0)), (60, level(600 * MIB))), QUANTUM)
    assert found.shape is Shape.STOPPED


def test_three_looks_tell_a_leak_from_settling_in():
    steady = [(n * HOUR, level((100 + 20 * n) * MIB)) for n in range(3)]
    settling = [(n * HOUR, level((100 + 40 * (1 - 0.3**n)) * MIB)) for n in range(3)]
    assert across_gap(series(*steady), QUANTUM).shape is Shape.RISING
    assert across_gap(series(*settling), QUANTUM).shape is Shape.UNCLEAR


def test_faster_than_from_the_start_on_is_no_settling_in():
    """A program that took 10 MiB in its first hour and 50 MiB in the second; and one the other way round."""
    at = 2 * HOUR
    fast = series((HOUR, level(10 * MIB)), (at, level(60 * MIB)))
    slow = series((HOUR, level(50 * MIB)), (at, level(60 * MIB)))
    assert across_gap(fast, QUANTUM, born=0.0).shape is Shape.RISING
    assert across_gap(slow, QUANTUM, born=0.0).shape is Shape.UNCLEAR
    assert across_gap(fast, QUANTUM, born=HOUR - 60).shape is Shape.UNCLEAR, "it had just begun"


@pytest.mark.parametrize(
    "shape", [lambda t: t**0.5, lambda t: t**0.8, np.log1p, lambda t: 1 - np.exp(-t / 900)]
)
def test_no_settling_that_slows_down_is_called_a_leak(shape):
    """Of a cache, a pool, a heap of distinct things (Heaps' law): concave from the start on."""
    scale = 500 * MIB / shape(3 * HOUR)
    for first, second in ((60, HOUR), (HOUR, 2 * HOUR), (600, 3 * HOUR)):
        looks = [(at, lambda t, at=at: scale * shape(at)) for at in (first, second)]
        found = across_gap(series(*looks), QUANTUM, born=0.0)
        assert found is None or found.shape in (Shape.UNCLEAR, Shape.STOPPED)


def test_what_swings_within_a_look_may_swing_between_two():
    swings = lambda base: lambda t: (base + 40 * (t % 5)) * MIB  # noqa: E731
    found = across_gap(series((0, swings(100)), (HOUR, swings(105))), QUANTUM, born=-10.0)
    assert found.shape is not Shape.RISING
    same = across_gap(series((0, swings(100)), (HOUR, swings(100))), QUANTUM, born=-10.0)
    assert same.shape is Shape.CYCLIC and same.hidden >= 40 * MIB


def test_less_after_the_gap_is_falling():
    assert (
        across_gap(series((0, level(9 * MIB)), (HOUR, level(MIB))), QUANTUM).shape is Shape.FALLING
    )


def test_single_readings_are_too_few():
    single = Series(
        "made", np.array([HOUR, 2 * HOUR]), np.array([1.0, 99.0]) * MIB, "bytes", "made"
    )
    assert across_gap(single, QUANTUM, born=0.0).shape is Shape.UNCLEAR


def test_noise_passes_for_growth_no_more_often_than_is_said():
    """Five readings on each side, drawn alike: all of the later ones higher by chance, and called a leak."""
    wrong = 0
    rounds = 3000
    for seed in range(rounds):
        drawn = noisy(0, 4 * QUANTUM, seed)
        looks = [(at, drawn) for at in (HOUR, 2 * HOUR)]
        found = across_gap(series(*looks, seconds=2, every=0.5), QUANTUM, born=-1e12)
        wrong += found is not None and found.shape is Shape.RISING
    # three times the standard error of a count at the rate that is allowed
    assert wrong <= rounds * MOST_CHANCE + 3 * (rounds * MOST_CHANCE) ** 0.5


def shifted(recording, seconds):
    """The same recording, so much later."""
    return replace(
        recording,
        samples=tuple(
            replace(s, monotonic=s.monotonic + seconds, wall=s.wall + seconds) for s in recording
        ),
    )


def heap(amount):
    """A recording of 5 s with so many MiB of heap."""
    rows = mapping(A, 400 * MIB, "rw-p", "[heap]", rss=amount * MIB)
    made_one = made(lambda t: rows, seconds=5, interval=0.5, vsize=400 * MIB, rss=amount * MIB)
    target = {"pid": 42, "comm": "made", "start_time_ticks": 0, "boot_id": "x"}
    return Recording(replace(made_one.header, target=target), made_one.samples)


def test_the_verdict_over_two_and_three_recordings():
    two = join([heap(100), shifted(heap(150), HOUR)])
    found = diagnose(two)
    assert found.verdict is Verdict.UNDECIDED
    assert "[heap] grew by 50 MiB in 1 h" in found.why and "once more" in found.decide
    three = join([heap(100), shifted(heap(150), HOUR), shifted(heap(200), 2 * HOUR)])
    found = diagnose(three)
    assert found.verdict is Verdict.LEAK
    (leak,) = found.findings
    assert leak.pattern == "heap" and leak.bytes == 100 * MIB
    assert leak.bytes_per_second_interval[0] <= 50 * MIB / HOUR <= leak.bytes_per_second_interval[1]
    assert any("after each of 2 gaps" in sentence for sentence in leak.evidence)
    flat = diagnose(join([heap(100), shifted(heap(100), HOUR)]))
    assert (flat.verdict, flat.reason) == (Verdict.NOT_A_LEAK, Why.FLAT)


def growing_heap(start, rate):
    """A heap of so many MiB that grows by so much a second."""

    def smaps(t):
        size = int((start + rate * t) * MIB) // (4 * KIB) * 4 * KIB
        return mapping(0x55550000000, size, "rw-p", "[heap]", rss=size)

    recording = made(smaps)
    target = {"pid": 42, "comm": "made", "start_time_ticks": 77, "boot_id": "b"}
    return replace(recording, header=replace(recording.header, target=target))


@pytest.mark.parametrize(
    "before", [(1, 0), (400, 0), (150, 0)], ids=["set up fast", "was larger", "as large"]
)
def test_what_came_before_takes_nothing_from_a_leak_of_the_last_recording(before):
    later = shifted(growing_heap(150, 0.5), HOUR / 60)
    alone, together = diagnose(later), diagnose(join([growing_heap(*before), later]))
    assert alone.verdict is Verdict.LEAK
    assert together.verdict is Verdict.LEAK
    assert together.findings[0].bytes_per_second == pytest.approx(
        alone.findings[0].bytes_per_second, rel=0.3
    )
