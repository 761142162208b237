"""Findings over many accounts at once: of a whole machine, or of a tree of processes.

Of five hundred accounts that only waver, some rise on five floors by chance. So the chance of each, by its
floors, times the number of accounts of its kind that moved, has to stay below one in a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from memlab.diagnose.account import Account
from memlab.diagnose.floors import in_words
from memlab.diagnose.trend import Shape, Trend, trend
from memlab.model.diagnosis import Finding, Forecast
from memlab.units import format_amount, format_seconds

FALSE_ALARM = 0.01  # for all accounts of a kind together
GRAINS = 3  # one at each end of the window, and one that was just begun (as for one process)


@dataclass(frozen=True)
class Part:
    """One account, what to type next about it, and whether the kernel gives it back when memory is short.

    pid: the process whose it is; born: whether that was started in the window, so that all of its growth is from
    nothing; evidence: what else is known, in sentences, asked of a part that is told.
    """

    account: Account
    next: str
    reclaimable: bool = False
    pid: int | None = None
    born: bool = False
    evidence: Callable[[], Iterable[str]] = tuple


@dataclass(frozen=True)
class Rising:
    """A part that rises, with its trend."""

    part: Part
    trend: Trend


def rising(parts: Iterable[Part]) -> list[Rising]:
    """Those that rise all the way, beyond their grain and beyond chance; the largest first."""
    return with_doubtful(parts)[0]


def with_doubtful(parts: Iterable[Part]) -> tuple[list[Rising], list[Rising]]:
    """Those, and others that rise as well, but of so many accounts one does so by chance."""
    judged = [
        Rising(part, trend(part.account.series, part.account.quantum))
        for part in parts
        if len(part.account.series) >= 2
    ]
    # what did not move by its grain cannot have risen by chance
    moved = sum(one.trend.shape is not Shape.FLAT for one in judged)
    rose = [
        one
        for one in judged
        if one.trend.shape is Shape.RISING and one.trend.growth >= GRAINS * one.part.account.quantum
    ]
    rose.sort(key=lambda one: (one.part.account.unit == "bytes", one.trend.rate), reverse=True)
    certain = [one for one in rose if one.trend.chance * moved <= FALSE_ALARM]
    return certain, [one for one in rose if one.trend.chance * moved > FALSE_ALARM]


def finding(one: Rising, room: tuple[str, float] | None, evidence: tuple[str, ...] = ()) -> Finding:
    """In words; `room` is the nearest limit in its way and the bytes that are left to it."""
    account, shape = one.part.account, one.trend
    values = account.series.values
    first, last = (format_amount(value, account.unit) for value in (values[0], values[-1]))
    low, high = shape.interval
    return Finding(
        candidates=account.candidates,
        where=account.where,
        basis=account.basis,
        bytes_per_second=round(shape.rate, 1),
        bytes_per_second_interval=(round(low, 1), round(high, 1)),
        bytes=round(shape.growth),
        evidence=(
            f"{account.where}: {first} to {last} in {format_seconds(account.series.seconds)}"
            f" ({account.source}), {in_words(shape.levels)}",
            *evidence,
        ),
        next=one.part.next,
        step=shape.step,
        forecast=_forecast(room, shape, account) if room else None,
        unit=account.unit,
        levels=shape.levels,
    )


def _forecast(room: tuple[str, float], shape: Trend, account: Account) -> Forecast | None:
    limit, left = room
    if shape.rate <= 0 or account.unit != "bytes":
        return None
    seconds = max(0.0, left) / shape.rate
    return Forecast(
        limit,
        int(left),
        round(seconds, 1),
        f"at this rate {limit} is used up in {format_seconds(seconds)}"
        f" ({format_amount(left, account.unit)} left)",
    )
