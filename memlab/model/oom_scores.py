"""Who is first in line: every process's oom_score, its adjustment and its memory, in the kernel's own order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scored:
    """One process. Sizes in bytes; swap and page_tables None where this kernel does not say.

    score: 0 to 2000, of the machine: 666 is no memory and no adjustment (since 5.9; before, 0).
    """

    pid: int
    comm: str
    uid: int | None
    score: int
    score_adj: int
    rss: int
    swap: int | None
    page_tables: int | None

    @property
    def used(self) -> int:
        """RSS + swap + page tables: what the kernel counts."""
        return self.rss + (self.swap or 0) + (self.page_tables or 0)

    @property
    def never(self) -> bool:
        """It may not be killed."""
        return self.score_adj == -1000 or self.pid == 1


@dataclass(frozen=True)
class Scoreboard:
    """All processes that have memory, the first to die first; total: RAM and swap, in bytes.

    unread: those that may not be read.
    """

    rows: tuple[Scored, ...]
    total: int
    unread: int

    def adjustment(self, row: Scored) -> int:
        """What the adjustment is worth, in bytes: so much more, or less, memory it is judged by."""
        return row.score_adj * (self.total // 1000)


def scoreboard(rows: list[Scored], total: int, unread: int = 0) -> Scoreboard:
    """Sorted by score; among equals, which differ by under a thousandth of all memory, by memory."""
    found = sorted(rows, key=lambda one: (one.never, -one.score, -one.used, one.pid))
    return Scoreboard(tuple(found), total, unread)
