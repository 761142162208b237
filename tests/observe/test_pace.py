"""What may be spent, with costs and moments that are given: no clock is asked."""

import pytest

from memlab.observe.pace import Pace, Rest


def test_what_is_dear_comes_as_seldom_as_its_cost_asks():
    pace = Pace(0.01, least_seconds=0.1)
    pace.done(10.0, 0.02)
    assert not pace.due(11.9) and pace.due(12.0)
    pace.done(20.0, 0.0)
    assert not pace.due(20.05) and pace.due(20.1)


def test_what_every_tick_costs_is_taken_off_first():
    rest = Rest(0.01)
    assert rest.after(0.0, 0.5) == 0.01, "the first is the start"
    for tick in range(1, 11):
        left = rest.after(tick / 5, 0.0006)  # five times a second: 0.3 % of a core
    assert left == pytest.approx(0.007)


def test_of_a_share_that_ticks_use_up_a_quarter_is_left():
    rest = Rest(0.01)
    rest.after(0.0, 0.0)
    assert rest.after(0.2, 0.1) == pytest.approx(0.0025)
