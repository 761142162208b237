"""A leak beside a control."""

import pytest

from memlab.diagnose import diagnose
from memlab.model.diagnosis import Verdict, Why
from tests.diagnose.made import MIB, A, made, mapping


def growing(rate):
    """Private anonymous memory that grows by so many MiB a second."""
    return made(
        lambda t: mapping(A, MIB + int(t * rate * MIB), "rw-p", "", rss=MIB + int(t * rate * MIB) // 4096 * 4096)
    )  # fmt: skip


def test_what_grows_as_fast_in_the_control_is_no_finding():
    found = diagnose(growing(2), control=growing(2))
    assert (found.verdict, found.reason, found.findings) == (Verdict.NOT_A_LEAK, Why.FLAT, ())
    assert "grew in both" in found.why


@pytest.mark.parametrize(("rate", "words"), [(0, "does not grow here"), (1, "1 MiB/s less")])
def test_what_grows_faster_stays_and_says_by_how_much(rate, words):
    found = diagnose(growing(2), control=growing(rate))
    assert found.verdict is Verdict.LEAK
    assert words in found.findings[0].evidence[-1]


def test_an_undecided_control_takes_nothing_away():
    short = growing(2)
    found = diagnose(growing(2), control=type(short)(short.header, short.samples[:4]))
    assert found.verdict is Verdict.LEAK
    assert "takes nothing away" in found.notes[-1]


@pytest.mark.parametrize(("suspected", "control"), [(0, 2), (1, 2), (2, 2)])
def test_a_control_that_leaks_itself_is_said_with_how_to_turn_it_round(suspected, control):
    found = diagnose(
        growing(suspected), control=growing(control), turned="memlab diagnose B --control A"
    )
    assert found.verdict is Verdict.NOT_A_LEAK
    assert (
        "leaks by itself" in found.notes[-1] and "memlab diagnose B --control A" in found.notes[-1]
    )
    assert ("judge each by itself" in found.notes[-1]) == (suspected > 0)


def test_a_control_that_does_not_leak_needs_no_turning():
    for found in (
        diagnose(growing(2), control=growing(0)),
        diagnose(growing(0), control=growing(0)),
    ):
        assert not any("reversed" in note for note in found.notes)
