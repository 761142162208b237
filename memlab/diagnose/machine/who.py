"""Names of processes, of whom a pid is all that the kernel tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from memlab.model.holdings import Holding, Look
from memlab.units import format_amount

_SHOWN = 3


class Who:
    """Who was there at any of the looks, and who still is."""

    def __init__(self, looks: Sequence[Look]) -> None:
        self.looks = looks
        # of each parent at each look, zombies too
        self.children = [Counter(one.ppid for one in look.held.values()) for look in looks]
        self.zombies = [
            Counter(one.ppid for one in look.held.values() if one.is_zombie) for look in looks
        ]
        self._names = {pid: one.name for look in looks for pid, one in look.held.items()}

    def __call__(self, pid: int) -> str:
        """`name (pid N)`, or the number with what is known of it."""
        if pid == 0:
            return "nobody"
        name = self._names.get(pid)
        if name is None:
            return f"pid {pid}, which had ended" if self.looks else f"pid {pid}"
        return f"{name} (pid {pid})" if self.is_there(pid) else f"{name} (pid {pid}, which ended)"

    def is_there(self, pid: int) -> bool:
        """At the last look."""
        return bool(self.looks) and pid in self.looks[-1].held

    def gained(self, get: Callable[[Holding], int | None], unit: str) -> Iterator[str]:
        """Whose number of something grew most from the first look to the last: a sentence, or none."""
        if len(self.looks) < 2:
            return
        before, after = self.looks[0].held, self.looks[-1].held
        more = {
            pid: (now or 0) - ((get(before[pid]) or 0) if pid in before else 0)
            for pid, one in after.items()
            if (now := get(one)) is not None
        }
        most = sorted((pid for pid in more if more[pid] > 0), key=lambda pid: -more[pid])[:_SHOWN]
        if most:
            said = ", ".join(f"{self(pid)} {format_amount(more[pid], unit)}" for pid in most)
            yield f"of all processes these gained most meanwhile: {said}"
