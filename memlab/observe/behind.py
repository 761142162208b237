"""What lies behind the descriptors of those processes that open more and more, of all of a machine's.

Who may be meant is told by the numbers (`observe.holdings`). Only these are looked at as one process is: where its
descriptors lead, what BPF maps take, and the kernel memory of its memory cgroup.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

from memlab.errors import MemlabError
from memlab.model.sample import MAX_PARENTS
from memlab.observe.outside import allowed, look_at_bpf_maps, look_at_group
from memlab.observe.pace import Pace
from memlab.procfs import cgroup, fd, task
from memlab.procfs.host import Host, Tee

_MOST = 4  # processes that are looked at: those that gained most
# pipe(2) and socketpair(2) make two at once: more than two calls of these are not yet closed
_FEWEST = 5
_MAX_DESCRIPTORS = 512  # that are followed, two calls each: as of one process (observe.sampler)


class Behind:
    """Looks at each of the suspects, no more often than `least` seconds and for no more than `share` of a core.

    Most of that is for their memory cgroups, a third for their descriptors, which are followed one by one.
    """

    def __init__(self, host: Host, share: float, least: float) -> None:
        self._host = host
        self._groups_pace, self._links_pace = Pace(share * 2 / 3, least), Pace(share / 3, least)
        self._groups: dict[int, tuple[str, int] | None] = {}

    def look(self, tee: Tee, gained: Mapping[int, int], must: bool = False) -> None:
        """At those that gained most, once they have gained some; who was looked at once is looked at again."""
        known = [pid for pid in self._groups if pid in gained]
        more = sorted((pid for pid in gained if gained[pid] >= _FEWEST), key=lambda p: -gained[p])
        new = [pid for pid in more if pid not in self._groups]
        suspects = [*known, *new][:_MOST]
        for pid in suspects:
            if pid not in self._groups:
                self._groups[pid] = self._group_of(pid)
        for pace, look in (
            (self._groups_pace, self._look_at_group),
            (self._links_pace, self._look_at_descriptors),
        ):
            if must or pace.due(time.monotonic()):
                cpu = time.thread_time()
                for pid in suspects:
                    look(tee, pid)
                pace.done(time.monotonic(), time.thread_time() - cpu)

    def _look_at_group(self, tee: Tee, pid: int) -> None:
        for name in ("stat", "statm", "status"):
            allowed(partial(tee.read, f"/proc/{pid}/{name}"))
        allowed(partial(task.children, tee, pid, MAX_PARENTS))
        group = self._groups[pid]
        if group is not None:
            look_at_group(tee, *group)

    def _look_at_descriptors(self, tee: Tee, pid: int) -> None:
        allowed(partial(tee.read, f"/proc/{pid}/stat"))
        allowed(partial(fd.read, tee, pid, limit=_MAX_DESCRIPTORS))
        look_at_bpf_maps(tee, pid)

    def _group_of(self, pid: int) -> tuple[str, int] | None:
        """Asked once: that takes the table of mounts."""
        try:
            return cgroup.memory_folder(self._host, pid)
        except MemlabError:
            return None
