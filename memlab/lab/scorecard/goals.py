"""What the verdict is to reach, and whether this run says that it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memlab.lab.scorecard import score
from memlab.lab.scorecard.judged import LEAK
from memlab.lab.scorecard.metrics import Share, least_hits, quantile
from memlab.lab.scorecard.score import Result

MOST_CORE = 0.01
# A draw that fails by chance once in ten thousand runs is no nuisance to anybody.
FLOOR_ERROR = 1e-4
# what `make test` insists on; well below the goals, so that only a broken judge falls through
FLOOR_RECALL, FLOOR_SPECIFICITY = 0.80, 0.95


@dataclass(frozen=True)
class Goal:
    """One demand: met, missed, or not measured (None), with the figures."""

    demand: str
    met: bool | None
    found: str


def goals(results: Sequence[Result]) -> list[Goal]:
    """All of them, over what is in the matrix."""
    precision, recall = score.precision(results), score.recall(results)
    named, open_ones = score.patterns(results), score.undecided(results)
    alarms = score.look_alike_alarms(results)
    return [
        _at_least("precision of the verdict ≥ 0.98", precision, 0.98),
        _at_least("recall of the verdict ≥ 0.98", recall, 0.98),
        _at_least("pattern right in ≥ 0.97 of the leaks", named, 0.97),
        _fast([result for result in results if result.is_fast]),
        Goal("no false alarm on a look-alike that ends in time", _none_of(alarms), alarms.text),
        Goal(
            "undecided ≤ 0.10",
            None if open_ones.value is None else open_ones.value <= 0.10,
            open_ones.text,
        ),
        _cost(results),
    ]


def _at_least(demand: str, share: Share, least: float) -> Goal:
    return Goal(demand, None if share.value is None else share.value >= least, share.text)


def _none_of(share: Share) -> bool | None:
    return share.hits == 0 if share.of else None


def _fast(results: Sequence[Result]) -> Goal:
    demand = "median time to a right verdict ≤ 12 s, leaks of 1 MiB/s and more"
    seconds = score.times(results)
    median, late = quantile(seconds, 0.5), quantile(seconds, 0.95)
    if median is None or late is None:
        return Goal(demand, None, "none in this draw")
    return Goal(
        demand, median <= 12, f"{_seconds(median)}, p95 {_seconds(late)} ({len(seconds)} leaks)"
    )


def _seconds(value: float) -> str:
    return "not within the window" if value == float("inf") else f"{value:.1f} s"


def _cost(results: Sequence[Result]) -> Goal:
    shares = [
        share
        for result in results
        if result.said and (share := result.said["watch"]["sampling_share"]) is not None
    ]
    demand = "sampling after start-up ≤ 1 % of a core"
    median, late = quantile(shares, 0.5), quantile(shares, 0.95)
    if median is None or late is None:
        return Goal(demand, None, "none in this draw")
    worst = max(shares)
    return Goal(
        demand,
        worst <= MOST_CORE,
        f"median {median:.2%}, p95 {late:.2%}, most {worst:.2%} ({len(shares)} watches)",
    )


def floors(results: Sequence[Result]) -> list[str]:
    """What is worse than chance can make of a judge that is as good as the floors; for `make test`.

    Were each leak found with a probability of FLOOR_RECALL, and each other program
    not called a leak with FLOOR_SPECIFICITY, so few would come by chance once in
    1 / FLOOR_ERROR runs (binomial).
    """
    leaks = [result for result in results if result.is_leak]
    others = [result for result in results if not result.is_leak]
    found = sum(result.verdict == LEAK for result in leaks)
    quiet = sum(result.verdict != LEAK for result in others)
    broken = []
    for words, hits, of, floor in (
        ("leaks found", found, len(leaks), FLOOR_RECALL),
        ("others not called a leak", quiet, len(others), FLOOR_SPECIFICITY),
    ):
        least = least_hits(of, floor, FLOOR_ERROR)
        if hits < least:
            broken.append(f"{words}: {hits} of {of}, and {least} are the least")
    return broken
