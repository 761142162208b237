"""When a watch has seen enough."""

from math import factorial

import numpy as np
import pytest

from memlab.diagnose import diagnose, first_enough
from memlab.diagnose.enough import is_enough, moments
from memlab.diagnose.floors import levels_for
from memlab.diagnose.trend import Shape, trend
from memlab.model.diagnosis import Verdict
from memlab.model.recording import Header, Recording
from memlab.model.series import Series
from tests.diagnose.made import KIB, MIB, A, made, mapping


def memory(size):
    return mapping(A, 2 * MIB + size // 4096 * 4096, "rw-p", "", rss=MIB + size // 4096 * 4096)


def watched(grown, seconds=60.0):
    return made(lambda t: memory(int(grown(t))), seconds=seconds, interval=0.2)


def test_a_plain_leak_ends_the_watch_early_and_rightly():
    seconds, said = first_enough(watched(lambda t: t * MIB))
    assert said.verdict is Verdict.LEAK
    assert seconds <= 12


@pytest.mark.parametrize(
    "grown", [lambda t: 0, lambda t: (t % 3) * 8 * MIB, lambda t: min(t, 2) * MIB]
)
def test_what_is_none_is_watched_to_the_end(grown):
    seconds, said = first_enough(watched(grown))
    assert (said.verdict, seconds) == (Verdict.NOT_A_LEAK, pytest.approx(60))


def test_with_confidence_1_nothing_ends_it():
    assert first_enough(watched(lambda t: t * MIB, 20), 1.0)[0] == pytest.approx(20)


def test_the_allowed_error_is_shared_among_all_looks():
    found = diagnose(watched(lambda t: t * MIB, 20))
    for confidence in (0.9, 0.99, 0.9999):
        asked = len(moments(60)) + 1
        levels = levels_for((1 - confidence) / asked)
        assert asked / factorial(levels) <= 1 - confidence
        assert is_enough(found, confidence, asked) == (found.findings[0].levels >= levels)


def test_noise_ends_a_watch_as_seldom_as_was_allowed():
    """400 watches of noise at 0.9: 40 are allowed to be wrong, with three sigma."""
    times, asked = np.arange(0, 30, 0.25), moments(30)
    levels = levels_for(0.1 / (len(asked) + 1))
    ended = 0
    for seed in range(400):
        values = np.random.default_rng(seed).uniform(0, 8 * MIB, len(times))
        until = (Series("made", times[times <= t], values[times <= t]) for t in (*asked, 30))
        found = (trend(series, 128 * KIB) for series in until)
        ended += any(one.shape is Shape.RISING and one.levels >= levels for one in found)
    assert ended <= 40 + 3 * 40**0.5


def test_an_empty_recording_was_never_watched():
    with pytest.raises(ValueError, match="never watched"):
        first_enough(Recording(Header({"pid": 1})))
