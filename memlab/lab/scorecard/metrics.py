"""Counts and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hits: int
    of: int

    @property
    def value(self) -> float | None:
        """The share, None of nothing."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval (JASA 22, 1927); all that is possible of nothing."""
        return wilson(self.hits, self.of)

    @property
    def text(self) -> str:
        """0.985 (197/200, 0.957–0.995)."""
        if not self.of:
            return "– (0/0)"
        low, high = self.interval
        return f"{self.hits / self.of:.3f} ({self.hits}/{self.of}, {low:.3f}–{high:.3f})"


def wilson(hits: int, of: int, z: float = Z95) -> tuple[float, float]:
    """The interval of a share that was observed so often."""
    if not of:
        return 0.0, 1.0
    share, square = hits / of, z * z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of them do not exceed; None of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def least_hits(of: int, probability: float, error: float) -> int:
    """The fewest hits that chance leaves where each hits with `probability`: fewer come less often than `error`."""
    below = 0.0
    for hits in range(of + 1):
        below += math.comb(of, hits) * probability**hits * (1 - probability) ** (of - hits)
        if below >= error:
            return hits
    return of
