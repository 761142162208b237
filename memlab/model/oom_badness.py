"""Whom the kernel would choose: oom_badness() of its era, from the table of an OOM report (mm/oom_kill.c).

Pages and points as the kernel has them: since 3.5 a point is a page, before it was a thousandth of all memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from memlab.procfs.oom.records import Row, Version

NEVER = -1000  # OOM_SCORE_ADJ_MIN


class Era(Enum):
    """How the badness is computed, by the first kernel that did it so."""

    PER_MILLE = (2, 6, 36)  # a63d83f427fb: in thousandths, root 30 less, 1 to 1000
    PAGES_ROOT_ADJ = (3, 5, 0)  # a7f638f999ff: in pages, root's adj 30 less, at least 1
    PAGES_ROOT_SHARE = (3, 14, 0)  # 778c14affaf9: root 3 % of its own pages less, at least 1
    PAGES = (4, 17, 0)  # d46078b28889: root as anybody, at least 1
    SIGNED = (5, 9, 0)  # 9066e5cfb73c: the same, and may be below zero

    @property
    def words(self) -> str:
        """The rule in a sentence."""
        return _WORDS[self]


_WORDS = {
    Era.PER_MILLE: "thousandths of all memory used + adj, root 30 less, from 1 to 1000 (2.6.36 to 3.4)",
    Era.PAGES_ROOT_ADJ: "pages used + adj × memory / 1000, root's adj 30 less, at least 1 (3.5 to 3.13)",
    Era.PAGES_ROOT_SHARE: "pages used, root 3 % less, + adj × memory / 1000, at least 1 (3.14 to 4.16)",
    Era.PAGES: "pages used + adj × memory / 1000, at least 1 (4.17 to 5.8)",
    Era.SIGNED: "pages used + adj × memory / 1000 (5.9 and later)",
}


def era_of(version: Version) -> Era | None:
    """None for a kernel before 2.6.36, which chose by other rules: run time, children, niceness."""
    found = None
    for era in Era:
        if version >= era.value:
            found = era
    return found


@dataclass(frozen=True)
class Candidate:
    """One task as the kernel weighs it. used: rss + swap + page tables, in pages; points: None for never."""

    row: Row
    adj: int
    used: int
    points: int | None


def table_pages(row: Row, page_bytes: int) -> int:
    """Pages of page tables that the row tells: in bytes, or counted by level."""
    if row.pgtables_bytes is not None:
        return row.pgtables_bytes // page_bytes
    return (row.nr_ptes or 0) + (row.nr_pmds or 0) + (row.nr_puds or 0)


def used_pages(row: Row, page_bytes: int) -> int:
    """get_mm_rss + MM_SWAPENTS + page tables."""
    return (row.rss or 0) + (row.swapents or 0) + table_pages(row, page_bytes)


def weigh(
    row: Row, era: Era, total_pages: int, page_bytes: int, adj: int | None = None
) -> Candidate:
    """The badness of one task; with `adj` as if it had that oom_score_adj. Root is taken to be uid 0."""
    adj = (row.oom_score_adj or 0) if adj is None else adj
    used = used_pages(row, page_bytes)
    # the kernel lets nobody kill init, whatever its score (is_global_init)
    if adj == NEVER or row.pid == 1:
        return Candidate(row, adj, used, None)
    total, root = max(total_pages, 1), row.uid == 0
    if era is Era.PER_MILLE:
        points = used * 1000 // total + adj - (30 if root else 0)
        return Candidate(row, adj, used, min(max(points, 1), 1000))
    own = used
    if root and era is Era.PAGES_ROOT_SHARE:
        own -= used * 3 // 100
    if root and era is Era.PAGES_ROOT_ADJ:
        points = own + (adj - 30) * (total // 1000)
    else:
        points = own + adj * (total // 1000)
    return Candidate(row, adj, used, points if era is Era.SIGNED else max(points, 1))


def rank(candidates: list[Candidate]) -> list[Candidate]:
    """The worst first, those that are never killed last; equals in the table's order."""
    return sorted(candidates, key=lambda one: (one.points is None, -(one.points or 0)))


def worst(ranked: list[Candidate], era: Era) -> list[Candidate]:
    """Those with the most points, the kernel's pick first, where it has one among equals.

    oom_evaluate_task() of 5.9 and later takes a task that has as many points as the one before: the last of
    the table dies. Before, it is the first, but between 4.17 and 5.8 that changed, and older tables lack what counts.
    """
    if not ranked or ranked[0].points is None:
        return []
    equals = [one for one in ranked if one.points == ranked[0].points]
    return equals[::-1] if era is Era.SIGNED else equals


def score(candidate: Candidate, era: Era, total_pages: int) -> int | None:
    """What the kernel printed as score until 5.0, in thousandths of all memory; for comparison."""
    if candidate.points is None:
        return None
    if era is Era.PER_MILLE:
        return candidate.points
    return candidate.points * 1000 // max(total_pages, 1)


def least_adj_that_spares(
    victim: Candidate, ranked: list[Candidate], era: Era, total_pages: int, page_bytes: int
) -> int | None:
    """The highest oom_score_adj with which another dies instead; None where there is no other to die."""
    others = [one.points for one in ranked if one.row is not victim.row and one.points is not None]
    if not others:
        return None
    low, high = NEVER, 1000  # points never fall as adj grows
    while low < high:
        middle = (low + high + 1) // 2
        points = weigh(victim.row, era, total_pages, page_bytes, middle).points
        if points is None or points < max(others):
            low = middle
        else:
            high = middle - 1
    return low
