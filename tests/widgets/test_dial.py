"""The dial without a browser: its account, its line, its dials."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from memlab.errors import Unsupported
from memlab.lab import meters
from memlab.lab.registry import leakers
from memlab.units import MIB
from memlab.widgets import Dial
from memlab.widgets.controls import FIRST, Controls, groups
from memlab.widgets.dial import ASKED, SAID, SEEN
from tests.waiting import until

pytestmark = [pytest.mark.live, pytest.mark.needs("gcc")]


@pytest.fixture
def dial() -> Iterator[Dial]:
    dial = Dial("heap", "anonymous-cache", "fd-pipes", "warm-up")
    yield dial
    dial.close()


def last(dial: Dial, name: str) -> float:
    values = dial.chart.values(name)[1]
    return float(values[-1]) if len(values) else 0.0


def test_the_line_lights_up_and_both_accounts_rise(dial: Dial) -> None:
    dial.controls.rate.value = "8MiB/s"
    dial.start()
    until(lambda: min(last(dial, SAID), last(dial, SEEN)) > 4 * MIB)
    until(lambda: dial.source._lit.get("line"))
    assert "LEAKS_HERE" in leakers()["heap"].source("c").splitlines()[dial.source._lit["line"] - 1]
    assert dial.chart.values(SAID)[1][0] == dial.chart.values(SEEN)[1][0] == 0


def test_another_leaker_brings_its_source_its_account_and_its_dials(dial: Dial) -> None:
    dial.controls.choose("fd-pipes", "python")
    assert "fd_pipes.py" in dial.source.value
    assert [trace.unit for trace in dial.chart.traces] == ["count"] * 3
    dial.controls.shape.touch.value = 0.5
    assert dial.controls.options()["touch"] is None, "a pipe has no bytes to touch"
    dial.start()
    until(lambda: last(dial, SEEN) >= 4)
    assert last(dial, SEEN) % 2 == 0


def test_a_look_alike_says_that_it_leaks_nothing_while_it_grows(dial: Dial) -> None:
    dial.controls.choose("warm-up")
    dial.controls.rate.value = "8MiB/s"
    assert dial.controls.kind.disabled
    dial.start()
    until(lambda: last(dial, SEEN) > 4 * MIB)
    assert "what the kernel shows" in dial.chart.title
    assert set(dial.chart.values(SAID)[1]) == {0.0}


def test_the_dials_reach_the_leaker(dial: Dial) -> None:
    dial.controls.shape.touch.value = 0.25
    dial.controls.shape.profile.value = "step"
    dial.controls.shape.period.value = 0.5
    dial.controls.rate.value = "8/s"
    dial.start()
    assert dial.run is not None and dial.run.experiment.ready is not None
    assert dial.run.experiment.ready["touched_bytes_per_chunk"] == 16 * 1024
    until(lambda: last(dial, SEEN) > 0)
    ledger = dial.run.experiment.ledger[-1]
    assert ledger["touched_bytes"] * 4 == ledger["leaked_bytes"]


def test_the_curve_asked_for_is_there_before_the_start_and_is_followed(dial: Dial) -> None:
    shape = dial.controls.shape
    shape.profile.value, shape.period.value, dial.controls.rate.value = "step", 0.5, "16/s"
    times, values = dial.chart.values(ASKED)
    assert (times[0], times[-1], len(dial.chart.values(SAID)[1])) == (0.0, 2.0, len(times))
    assert set(values) == {n * 8 * 65536.0 for n in range(5)}, "four steps of eight blocks"
    dial.start()
    until(lambda: last(dial, SAID) >= 16 * 65536)
    dial.pause_or_resume()
    until(lambda: last(dial, ASKED) == last(dial, SAID))
    assert abs(last(dial, SEEN) - last(dial, SAID)) < 65536


def test_nothing_is_asked_of_a_control_or_a_look_alike(dial: Dial) -> None:
    assert last(dial, ASKED) > 0
    dial.controls.kind.value = True
    assert np.isnan(last(dial, ASKED))
    assert "no curve is asked for" in dial.chart.title
    dial.controls.choose("warm-up")
    assert np.isnan(last(dial, ASKED))
    assert (len(dial.chart.values(SEEN)[1]), last(dial, SEEN)) == (1, 0), "an axis from zero on"
    dial.controls.choose("heap")
    assert dial.chart.title == "heap: what it says, and what the kernel shows"
    dial.controls.rate.value = "fast"
    assert np.isnan(last(dial, ASKED))


def test_what_makes_no_sense_is_one_line(dial: Dial) -> None:
    dial.controls.choose("warm-up")
    dial.controls.shape.profile.value = "sawtooth-with-drift"
    dial.controls.start.click()
    until(lambda: "leaks nothing that could drift" in dial._error.value)
    assert dial.run is None


def test_an_unknown_leaker_is_refused_by_name() -> None:
    with pytest.raises(Unsupported, match="no leaker is called 'heaps'"):
        Dial("heaps")


def test_each_leaker_is_in_one_group_beside_the_first_four() -> None:
    named = [name for label, of in groups().items() if label != "the first four" for name in of]
    assert sorted(named) == sorted(leakers())
    assert tuple(groups()["the first four"]) == FIRST
    for name in leakers():
        controls = Controls()
        controls.choose(name)
        assert controls.leaker.value == name
        assert meters.foremost(leakers()[name]) in meters.METERS
