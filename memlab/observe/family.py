"""A process and its descendants, each with a sampler, on one budget."""

from __future__ import annotations

import os

from memlab.errors import Gone, MemlabError
from memlab.observe.processes import pids
from memlab.observe.sampler import DEFAULT_BUDGET, DEFAULT_STALL, Sampler
from memlab.procfs import stat
from memlab.procfs.host import Host


class Family:
    """Raises as Sampler does where the process itself cannot be watched.

    The budget is shared by all; `stall` holds for each. A child that ended, or whose parent ended, before anybody
    looked is not found: it has another parent then.
    """

    def __init__(
        self,
        pid: int,
        host: Host | None = None,
        budget: float = DEFAULT_BUDGET,
        stall: float = DEFAULT_STALL,
    ) -> None:
        self._host = host or Host()
        self._budget, self._stall = budget, stall
        # who looks is not what is looked at, though it may have been started in a shell of that tree
        self._strangers = {os.getpid()} - {pid}
        self._new = [Sampler(pid, self._host, budget, stall)]
        self.members: dict[int, Sampler] = {pid: self._new[0]}

    def find(self) -> list[Sampler]:
        """Who is there now and was not the last time; the process itself at first."""
        new, self._new = self._new, []
        listed = pids(self._host)
        self._strangers &= set(listed)  # a pid may come back as somebody else
        fresh = {pid: parent for pid in listed if (parent := self._parent(pid)) is not None}
        while True:
            born = [pid for pid, parent in fresh.items() if parent in self.members]
            if not born:
                break
            for pid in born:
                del fresh[pid]
                sampler = self._meet(pid)
                if sampler is not None:
                    new.append(sampler)
        self._strangers |= fresh.keys()
        for sampler in self.members.values():
            sampler.spend(self._budget / len(self.members))
        return new

    def _parent(self, pid: int) -> int | None:
        """The parent of somebody new; None for who is known, or gone."""
        if pid in self._strangers or pid in self.members:
            return None
        try:
            return stat.read(self._host, pid).ppid
        except Gone:
            return None

    def _meet(self, pid: int) -> Sampler | None:
        try:
            self.members[pid] = Sampler(pid, self._host, self._budget, self._stall)
        except MemlabError:  # it has ended already
            return None
        return self.members[pid]
