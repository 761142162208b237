"""Whether a growth rests or has ended, by the pauses before."""

import numpy as np
import pytest

from memlab.diagnose.pauses import STOPPED, Pauses, pauses
from memlab.diagnose.trend import Shape, trend
from memlab.model.series import Series

KIB, MIB = 1024, 1 << 20
QUANTUM = 128 * KIB
TIMES = np.arange(0, 30, 0.2)


def at_events(moments, each=MIB):
    """A megabyte at each of these moments."""
    values = [float(sum(moment <= t for moment in moments)) * each for t in TIMES]
    return Series("made", TIMES, np.array(values))


@pytest.mark.parametrize(("count", "times_longest"), [(1, 1.0), (4, 1.0), (4, 2.0), (9, 1.5)])
def test_the_surprise_is_that_of_pauses_without_memory(count, times_longest):
    """Drawn 40,000 times: of exponential pauses the open one is so much longer than all closed ones."""
    drawn = np.random.default_rng(3).exponential(size=(40_000, count + 1))
    # beyond half of the longest, pauses without memory begin anew: so c is what they have beyond it
    hits = (drawn[:, -1] > times_longest * drawn[:, :-1].max(axis=1)).mean()
    open_ = (times_longest + 1) / 2
    assert Pauses(count, 1.0, open_).surprise == pytest.approx(hits, abs=0.01)


def test_a_pause_as_long_as_the_longest_is_no_surprise_and_a_long_one_is():
    assert Pauses(3, 2.0, 2.0).surprise > STOPPED > Pauses(3, 2.0, 9.0).surprise


def test_the_length_that_decides_is_just_a_surprise():
    found = Pauses(4, 2.0, 1.0)
    assert Pauses(4, 2.0, found.decided_after).surprise <= STOPPED
    assert Pauses(4, 2.0, found.decided_after / 1.2).surprise > STOPPED


def test_what_creeps_by_less_than_a_grain_has_not_risen():
    values = np.minimum(TIMES, 4) * MIB + TIMES * KIB
    found = pauses(Series("made", TIMES, values), QUANTUM)
    assert found.open_ == pytest.approx(26, abs=1)


def test_bursts_with_pauses_are_a_leak_and_their_end_is_one():
    bursts = [start + within for start in (0.5, 4, 9, 12, 18, 22, 26) for within in (0, 0.2, 0.4)]
    assert trend(at_events(bursts), QUANTUM).shape is Shape.RISING
    ended = [moment for moment in bursts if moment < 10]
    assert trend(at_events(ended), QUANTUM).shape is Shape.STOPPED


def test_a_cache_that_is_full_after_two_thirds_of_the_watch_is_a_warm_up():
    assert trend(at_events(np.arange(0, 20, 0.5)), QUANTUM).shape is Shape.STOPPED


def test_growth_that_halves_from_block_to_block_is_slowing():
    values = 64 * MIB * (1 - 0.5 ** (TIMES / 6))
    assert trend(Series("made", TIMES, values), QUANTUM).shape is Shape.SLOWING


@pytest.mark.parametrize(
    ("rises", "shape"),
    [
        ((40, 20, 11, 6, 5), Shape.SLOWING),
        ((40, 15, 8.7, 8.2, 8.5), Shape.RISING),
    ],
    ids=["towards a level", "fast at first, then evenly"],
)
def test_what_slows_does_so_from_block_to_block(rises, shape):
    rate = np.array(rises)[np.minimum(TIMES // 6, 4).astype(int)] / 30
    values = MIB * np.concatenate([[0.0], np.cumsum(rate)[:-1]])
    assert trend(Series("made", TIMES, values), QUANTUM).shape is shape


def test_blocks_in_which_nothing_came_are_no_slowing():
    bursts = [start + within for start in (0.5, 3, 5, 7, 10, 29) for within in (0, 0.2, 0.4)]
    assert trend(at_events(bursts), QUANTUM).shape is not Shape.SLOWING


@pytest.mark.parametrize(
    ("tail", "shape"),
    [
        (lambda t: 0.5 * MIB * (t > 20) / 2, Shape.STOPPED),  # a crumb after 64 MiB in 8 s
        (lambda t: 0.2 * MIB * np.floor(np.maximum(0, t - 8) / 2), Shape.RISING),  # 2 MiB: a leak of its own
    ],
    ids=["crumb", "goes on, slowly"],
)  # fmt: skip
def test_a_crumb_does_not_make_what_has_ended_go_on(tail, shape):
    values = 8 * MIB * np.minimum(TIMES, 8) + tail(TIMES)
    assert trend(Series("made", TIMES, values), QUANTUM).shape is shape


def test_slow_growth_is_never_crumbs():
    values = np.floor(TIMES / 30 * 6) * QUANTUM
    assert pauses(Series("made", TIMES, values), QUANTUM).open_ < 6
