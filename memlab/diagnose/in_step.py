"""Accounts that move in step have one cause: what is known of the larger one is known of the smaller.

A cache that is full stops growing, and its index and the freed arrays that this was copied from stop with it;
alone these few hundred kB would be a growth that rests. What lies behind descriptors grows with these, and is read
less often than they are counted. Each is read here as what it goes with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from memlab.diagnose.account import Account
from memlab.diagnose.alike import alike
from memlab.diagnose.outside import BATCH, GROUP_KERNEL, OBJECT_BYTES
from memlab.diagnose.trend import LEVEL_SHARE, Shape, Trend
from memlab.model.memory import Pattern
from memlab.model.series import Series

_Read = tuple[Account, Trend]
# what a window alone cannot decide, or decides by floors that have rested for a block of it at the least
_DOUBTFUL = (Shape.RISING, Shape.SLOWING, Shape.UNCLEAR)


def in_step(read: Sequence[_Read]) -> list[Trend]:
    """The trends, in their order; of an account that stops or goes on with another one, as that does."""
    return [_with_descriptors(one, read) or _with_larger(one, read) or one[1] for one in read]


def _with_larger(one: _Read, read: Sequence[_Read]) -> Trend | None:
    """Its last rise is at the reading at which a larger account had its last, and that one has stopped.

    Of two that have nothing to do with each other so much is a chance of one in as many readings as there are. Where
    the larger one rests for longer than it would if it went on, and not yet for long enough, neither is known.
    """
    account, found = one
    if account.unit != "bytes" or found.shape not in _DOUBTFUL:
        return None
    for other, ended in read:
        larger = other.unit == "bytes" and ended.growth > found.growth
        rests = ended.shape is Shape.UNCLEAR and 0 < ended.decided_after <= ended.level_seconds
        if not larger or not (ended.shape is Shape.STOPPED or rests):
            continue
        if _at_one_reading(account, found, ended) or _by_little_at_one(account, other):
            return replace(found, shape=ended.shape, levels=0, told="")
    return None


def _at_one_reading(account: Account, found: Trend, ended: Trend) -> bool:
    """Whether it has risen last when that had: by a grain, or by however little (an index grows by bytes)."""
    gap = _gap(account.series, found.level_seconds)
    if found.level_seconds > 0 and abs(found.level_seconds - ended.level_seconds) <= gap:
        return True
    level = _level(account.series)
    return level > 0 and abs(level - ended.level_seconds) <= _gap(account.series, level)


def _by_little_at_one(account: Account, other: Account) -> bool:
    """The same of two that have both been level for a block: a full cache that copies its index takes crumbs too."""
    mine, theirs = _level(account.series), _level(other.series)
    gap = _gap(account.series, mine)  # within it that rise was, nobody saw when
    rested = mine > 0 and mine + gap >= LEVEL_SHARE * account.series.seconds
    return rested and abs(mine - theirs) <= gap


def _level(series: Series) -> float:
    """Seconds since its last rise, by however little; 0 without one."""
    rises = np.flatnonzero(np.diff(series.values) > 0)
    return float(series.times[-1] - series.times[rises[-1] + 1]) if len(rises) else 0.0


def _gap(series: Series, level: float) -> float:
    """Between the reading that was so long before the end and the one before it."""
    at = int(np.searchsorted(series.times, float(series.times[-1]) - level))
    return float(series.times[at] - series.times[at - 1]) if 0 < at < len(series) else 0.0


def _with_descriptors(one: _Read, read: Sequence[_Read]) -> Trend | None:
    """The kernel's memory behind descriptors that leak, in proportion to these and more than they take."""
    account, found = one
    if account.source != GROUP_KERNEL or found.shape not in (Shape.SLOWING, Shape.UNCLEAR):
        return None
    for other, rises in read:
        if other.pattern is not Pattern.FD or rises.shape is not Shape.RISING:
            continue
        behind = found.growth > OBJECT_BYTES * rises.growth
        if behind and alike(account.series, other.series, BATCH, scaled=True):
            return replace(found, shape=Shape.RISING, levels=rises.levels)
    return None
