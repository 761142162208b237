"""What would have been said sooner is what would have been said then."""

from itertools import pairwise

import pytest

from memlab.diagnose import diagnose, over_time
from memlab.model.diagnosis import Verdict
from memlab.model.recording import Header, Recording
from tests.diagnose.test_judge import MIB, heap, made


def test_a_warm_up_is_called_a_leak_until_it_has_been_level_for_a_while():
    recording = made(lambda t: heap(min(t, 6) * MIB), seconds=20)
    said = over_time(recording)
    assert [seconds for seconds, _ in said] == list(range(1, 21))
    verdicts = [one.verdict for _, one in said]
    assert verdicts[5] is Verdict.LEAK
    assert verdicts[-1] is Verdict.NOT_A_LEAK
    turns = [(a, b) for a, b in pairwise(verdicts) if a != b]
    assert (Verdict.NOT_A_LEAK, Verdict.LEAK) not in turns
    assert said[-1][1].why == diagnose(recording).why


def test_the_end_of_a_recording_is_judged_whatever_the_pace():
    recording = made(lambda t: heap(t * MIB), seconds=7)
    seconds, last = over_time(recording, every=5)[-1]
    assert (seconds, last.observed_seconds) == (7.0, 7.0)


def test_nothing_seen_is_nothing_said():
    assert over_time(Recording(Header(target={"pid": 1}))) == []
    with pytest.raises(ValueError, match="above zero"):
        over_time(made(None), every=0)
