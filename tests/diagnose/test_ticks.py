"""What statm adds to what the mappings say: more floors, finer pauses, and nothing that is not the account's."""

import numpy as np
import pytest

from memlab.diagnose.account import Account
from memlab.diagnose.ticks import at_each_tick
from memlab.diagnose.trend import Shape, trend
from memlab.model.memory import Basis, Pattern
from memlab.model.series import Series

MIB = 1 << 20
GRAIN = 128 * 1024


class Recorded:
    """A recording of which only statm is asked for."""

    def __init__(self, times, resident):
        self._series = Series("statm.resident", times, resident, "bytes", "statm resident")

    def series(self, name):
        assert name == "statm.resident"
        return self._series


def seen(rss, of_it=lambda values: values, every=10, seconds=20.0):
    """RSS in MiB as a function of seconds, and an account read at each so many ticks, or at these, only."""
    times = np.arange(0.0, seconds + 0.01, 0.2)
    values = np.array([rss(t) for t in times]) * MIB
    read = slice(None, None, every) if isinstance(every, int) else every
    series = Series("heap", times[read], of_it(values[read]), "bytes", "smaps")
    account = Account((Pattern.HEAP,), Basis.RESIDENT, GRAIN, series, "[heap]", "smaps")
    found = trend(series, GRAIN)
    return found, at_each_tick(Recorded(times, values), account, found)


def test_there_are_more_floors_where_the_growth_is_the_account_s():
    found, fine = seen(lambda t: 10 + t * t)
    assert (found.shape, fine.shape) == (Shape.RISING, Shape.RISING)
    assert (found.levels, fine.levels) == (5, 20)
    assert "statm resident" in fine.told


@pytest.mark.parametrize("share", [0.5, 2.0])
def test_growth_that_is_another_s_adds_nothing(share):
    found, fine = seen(lambda t: 10 + t, of_it=lambda values: share * values)
    assert fine == found


def test_what_ended_is_known_to_have_ended_sooner():
    """Seven readings cannot tell a pause of 6 s from the usual 5 s between them; a hundred can."""
    found, fine = seen(lambda t: 10 + min(t, 23.8) ** 2, every=25, seconds=30.0)
    assert found.shape is not Shape.STOPPED
    assert fine.shape is Shape.STOPPED
    assert fine.level_seconds == pytest.approx(6.2, abs=0.3)


def test_a_saw_beside_it_does_not_undo_what_its_own_floors_show():
    found, fine = seen(lambda t: 10 + t + (0.0 if round(t * 5) % 10 == 0 else 0.5 * (t % 1)))
    assert found.shape is Shape.RISING
    assert fine.shape is Shape.RISING


def test_it_makes_nothing_rise():
    """An account that came down again at the middle of the watch, with an RSS that hides it."""
    came_down = np.where(np.arange(11) == 5, 16.0, 0.0)
    found, fine = seen(lambda t: 10 + t * t / 8, of_it=lambda v: v - came_down * MIB)
    assert found.shape is Shape.UNCLEAR
    assert fine.shape is Shape.UNCLEAR


def bursts(t):
    """Some 100 MiB at once, at five moments."""
    count = sum(t >= at for at in (10, 21, 44, 50, 55))
    return 100 * count + count**0.5


def test_large_steps_that_the_mappings_were_read_too_seldom_for_are_seen_in_statm():
    found, fine = seen(bursts, every=38, seconds=60.0)
    assert found.shape is Shape.UNCLEAR
    assert fine.shape is Shape.RISING and fine.levels >= 5


def test_even_growth_goes_on_though_a_block_of_the_window_has_no_reading_of_the_mappings():
    often = [*range(0, 100, 8), 131, 176, 249, 300]
    found, fine = seen(lambda t: 16 * t, every=np.array(often), seconds=60.0)
    assert found.shape is Shape.UNCLEAR
    assert fine.shape is Shape.RISING


def test_so_does_even_growth_of_which_there_are_four_readings_and_it_has_its_rate():
    found, fine = seen(lambda t: 50 + 2 * t + 0.1 * np.sin(t), every=8, seconds=6.0)
    assert found.shape is Shape.UNCLEAR
    assert fine.shape is Shape.RISING
    assert fine.rate == pytest.approx(2 * MIB, rel=0.05)
    assert fine.interval[0] <= fine.rate <= fine.interval[1]


def test_what_creeps_beside_one_jump_makes_no_leak_of_it():
    found, fine = seen(
        lambda t: 300 * (t > 10) + 0.4 * t,
        of_it=lambda values: np.where(values > 200 * MIB, 300 * MIB, 0.0),
        every=38,
        seconds=60.0,
    )
    assert found.shape is not Shape.RISING
    assert fine.shape is not Shape.RISING
