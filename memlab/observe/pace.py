"""How often something dear may be done."""

from __future__ import annotations


class Pace:
    """Spaces an activity so that it takes no more than `share` of one core."""

    def __init__(self, share: float, least_seconds: float) -> None:
        self.share = share
        self._least = least_seconds
        self._due = 0.0

    def due(self, now: float) -> bool:
        """Whether it may happen again."""
        return now >= self._due

    def done(self, now: float, cost_seconds: float) -> None:
        """It happened, and cost this much."""
        self._due = now + max(self._least, cost_seconds / self.share)
