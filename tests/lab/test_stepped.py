"""Samples between steps show each step, and nothing else."""

from __future__ import annotations

import pytest

from memlab.errors import Gone
from memlab.lab.experiment import start
from memlab.lab.stepped import stepped
from memlab.units import MIB


def test_there_is_a_sample_before_and_after_each_step() -> None:
    with start("anonymous", paused=True) as leaker:
        recording = stepped(leaker, events=2, times=3)
    assert [sample.index for sample in recording] == [0, 1, 2, 3]
    assert all(sample.regions is not None for sample in recording)
    assert [sample.events[0]["count"] for sample in recording.samples[1:]] == [2, 4, 6]
    assert recording.samples[0].events == ()


def test_a_step_shows_in_the_sample_after_it_to_the_byte() -> None:
    with start("anonymous", paused=True, chunk="1MiB") as leaker:
        recording = stepped(leaker, events=1, times=4)
    mapped = recording.series("stat.vsize").values
    assert list(mapped - mapped[0]) == [n * MIB for n in range(5)]


def test_a_leaker_that_has_ended_is_gone() -> None:
    leaker = start("anonymous", paused=True)
    leaker.stop()
    with pytest.raises(Gone):
        stepped(leaker)
