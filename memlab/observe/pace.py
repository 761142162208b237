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


class Rest:
    """What a steady activity leaves of a share of one core: `LEAST` of it at any rate, or nothing else would happen."""

    LEAST = 0.25

    def __init__(self, share: float) -> None:
        self.share = share
        self._began: float | None = None
        self._spent = 0.0

    def after(self, now: float, cost_seconds: float) -> float:
        """The activity happened, and cost this much: the share that is left on an average since the first time."""
        if self._began is None:  # the cost until then is that of starting
            self._began = now
            return self.share
        self._spent += cost_seconds
        steady = self._spent / (now - self._began) if now > self._began else 0.0
        return max(self.LEAST * self.share, self.share - steady)
