"""What moves in step with another account shares its fate, and what does not keeps its own."""

from dataclasses import replace

import numpy as np
import pytest

from memlab.diagnose.account import Account
from memlab.diagnose.in_step import in_step
from memlab.diagnose.outside import BATCH, GROUP_KERNEL
from memlab.diagnose.trend import Shape, trend
from memlab.model.memory import Basis, Pattern
from memlab.model.series import Series

KIB, MIB = 1024, 1 << 20
TIMES = np.arange(0, 60, 1.0)
GRAIN = 128 * KIB


def account(pattern, values, grain=GRAIN, unit="bytes", source="smaps Rss + Swap"):
    series = Series("made", TIMES, np.asarray(values, float))
    return Account((pattern,), Basis.RESIDENT, grain, series, pattern.value, source, unit=unit)


def shapes(*accounts):
    read = [(one, trend(one.series, one.quantum)) for one in accounts]
    return [found.shape for _, found in read], [found.shape for found in in_step(read)]


def cache(until):
    """Fills by 4 MiB a second until then."""
    return account(Pattern.HEAP, 4 * MIB * np.minimum(TIMES, until))


def index(until):
    """Grows by a page or so a second, and is copied to a larger array at the end."""
    return account(
        Pattern.ANONYMOUS, 6 * KIB * np.minimum(TIMES, until) + 180 * KIB * (until <= TIMES)
    )


def test_the_index_of_a_cache_that_is_full_has_stopped_with_it():
    alone, together = shapes(cache(45), index(45))
    assert alone == [Shape.STOPPED, Shape.UNCLEAR]
    assert together == [Shape.STOPPED, Shape.STOPPED]


def test_what_goes_with_a_cache_that_may_just_be_full_is_not_known_either():
    """Read every second; the cache rests for six: too long for a pause of it, too short for its end."""
    larger = account(Pattern.HEAP, 4 * MIB * np.minimum(TIMES, 53))
    bytes_at_a_time = account(Pattern.ANONYMOUS, 20 * KIB * np.minimum(TIMES, 53))
    alone, together = shapes(larger, bytes_at_a_time)
    assert alone == [Shape.UNCLEAR, Shape.RISING]
    assert together == [Shape.UNCLEAR, Shape.UNCLEAR]


def crumbs(at):
    """A cache that is full at 21 s and takes a crumb later."""
    return account(Pattern.HEAP, 4 * MIB * np.minimum(TIMES, 21) + 200 * KIB * (at <= TIMES))


def copied(at):
    """Its index, copied when it is full, and once more later."""
    return account(Pattern.ANONYMOUS, 40 * KIB * np.minimum(TIMES, 21) + 300 * KIB * (at <= TIMES))


def test_a_crumb_that_both_take_at_one_reading_is_no_growth_of_the_smaller():
    alone, together = shapes(crumbs(42), copied(42))
    assert alone == [Shape.STOPPED, Shape.RISING]
    assert together == [Shape.STOPPED, Shape.STOPPED]


@pytest.mark.parametrize(("one", "other"), [(42, 30), (55, 55)])
def test_crumbs_at_two_readings_or_just_now_say_nothing(one, other):
    alone, together = shapes(crumbs(one), copied(other))
    assert together == alone


@pytest.mark.parametrize("until", [40, 59])
def test_what_stops_at_another_time_or_goes_on_is_judged_alone(until):
    alone, together = shapes(cache(45), index(until))
    assert together == alone


def test_a_large_growth_does_not_stop_with_a_small_one():
    large = account(Pattern.ANONYMOUS, 40 * MIB * np.floor(np.minimum(TIMES, 45) / 9))
    small = account(Pattern.HEAP, 0.2 * MIB * np.minimum(TIMES, 45))
    alone, together = shapes(large, small)
    assert alone[1] is Shape.STOPPED
    assert together[0] is alone[0]


@pytest.mark.parametrize(
    ("behind", "goes_on", "rises"),
    [
        (34 * KIB, True, True),
        (34 * KIB, False, False),
        (2 * KIB, True, False),
    ],
    ids=["full pipes", "descriptors that slow down too", "no more than descriptors take"],
)
def test_what_lies_behind_descriptors_goes_on_as_these_do(behind, goes_on, rises):
    """Of one curve; but the descriptors are counted more often, and so are seen to go on."""
    curve = 1000 * (1 - 0.5 ** (TIMES / 12))
    kernel = account(Pattern.KERNEL, behind * curve, BATCH, source=GROUP_KERNEL)
    opened = account(Pattern.FD, curve, 2, "descriptors", "fd/")
    read = [(one, trend(one.series, one.quantum)) for one in (kernel, opened)]
    assert Shape.RISING not in [found.shape for _, found in read]
    if goes_on:
        read[1] = (opened, replace(read[1][1], shape=Shape.RISING))
    assert (in_step(read)[0].shape is Shape.RISING) is rises


def test_what_lies_behind_descriptors_but_not_in_proportion_is_judged_alone():
    kernel = account(
        Pattern.KERNEL, 9 * MIB * (1 - 0.5 ** (TIMES / 12)), BATCH, source=GROUP_KERNEL
    )
    opened = account(Pattern.FD, 4 * TIMES, 2, "descriptors", "fd/")
    alone, together = shapes(kernel, opened)
    assert alone == together == [Shape.SLOWING, Shape.RISING]
