"""The curve that was asked for is the one that the leaker keeps to."""

from __future__ import annotations

import numpy as np
import pytest

from memlab.lab.asked import asked, events_per_second
from memlab.lab.registry import leakers
from memlab.units import KIB, MIB


def test_it_is_in_the_account_of_the_leaker() -> None:
    heap = asked(leakers()["heap"], {"rate": "1MiB/s", "touch": 0.25, "cap": "1MiB"})
    assert heap is not None
    # the cap counts what is touched: 64 blocks of 16 KiB
    assert list(heap.at([0, 1, 2, 100])) == [0, 256 * KIB, 512 * KIB, MIB]
    pipes = asked(leakers()["fd-pipes"], {"rate": "10/s"})
    assert pipes is not None and list(pipes.at([1, 1000])) == [20, 400]
    stacks = asked(leakers()["thread-stack"], {"rate": "1/s"})
    assert stacks is not None and stacks.at(3) == 3 * 10244 * KIB


def test_what_leaks_nothing_is_asked_for_nothing() -> None:
    assert asked(leakers()["warm-up"], {}) is None
    assert asked(leakers()["heap"], {"control": True}) is None


def test_a_new_rate_goes_on_from_what_was_leaked_and_a_saw_does_not() -> None:
    heap = asked(leakers()["heap"], {"rate": "16/s"})
    assert heap is not None
    anew = heap.anew(since=100.0, base=10, rate=32.0)
    assert anew is not None
    assert list(anew.at([50, 100, 101]) / (64 * KIB)) == [10, 10, 42]
    assert list(heap.anew(np.inf, 10).at([0, 1e9]) / (64 * KIB)) == [10, 10]  # type: ignore[union-attr]
    saw = asked(leakers()["heap"], {"profile": "sawtooth-with-drift"})
    assert saw is not None and saw.anew(1.0, 1) is None


@pytest.mark.parametrize("rate", ["fast", "2MiB/s"])
def test_a_thing_has_no_bytes(rate: str) -> None:
    with pytest.raises(ValueError, match=r"write it like"):
        events_per_second(leakers()["fd-pipes"], rate)
