"""When memory is so low that leakers are ended, before the kernel has to kill somebody.

What is looked at: what the machine has available (MemAvailable), and what is left below each
limit of the memory cgroups that we run in, their file cache not counted, which can be dropped.
Below the floor a leaker is ended. Starts keep twice as much free (`containment.reserve`), so that
is never near when a leaker starts; others must have taken it since.

Between the two the kernel's own account of lost time decides (PSI, accounting/psi.rst): memory
may be available by the figures, and everybody wait for it all the same. A trigger on it also wakes
the supervisor at once.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from memlab.errors import MemlabError
from memlab.lab.containment import reserve
from memlab.procfs import cgroup, cgroup_memory, meminfo
from memlab.procfs.host import Host

# Somebody waited for memory in a tenth of two seconds. Whoever lacks CAP_SYS_RESOURCE may only
# ask for windows of 2 s and their multiples (kernel/sched/psi.c); the zero byte belongs to it.
_TRIGGER = b"some 200000 2000000\0"
_MACHINE = "/proc/pressure/memory"
# what can be dropped at once; v1 has the groups below in `total_*`, v2 counts them in anyway
_FILE_CACHE = {
    1: ("total_inactive_file", "total_active_file"),
    2: ("inactive_file", "active_file"),
}


@dataclass(frozen=True)
class Shortage:
    """Where memory is low: bytes available and the floor; whether the kernel says that tasks wait."""

    where: str
    available_bytes: int
    floor_bytes: int
    pressure: bool

    def event(self) -> dict[str, Any]:
        """As the supervisor says it."""
        return {"event": "killed", "reason": "low-memory", **asdict(self)}


class LowMemory:
    """Watches this machine for a process of ours.

    floor: bytes to use in place of the machine's own, see `MEMLAB_FLOOR`. `descriptors` have an
    event (POLLPRI) when tasks wait for memory; none where the kernel keeps no such account.
    """

    def __init__(self, floor: int | None = None, host: Host | None = None) -> None:
        self._host = host or Host()
        self._floor = floor
        self._limited: list[cgroup.Level] = []
        self._version = 2
        with suppress(MemlabError):
            group = cgroup.read(self._host)
            self._version = group.version
            self._limited = [level for level in group.levels if level.limit is not None]
        places = [_MACHINE, *(f"{level.path}/memory.pressure" for level in self._limited)]
        self.descriptors = [one for one in map(trigger, places) if one is not None]

    def shortage(self, pressure: bool) -> Shortage | None:
        """Where memory is low now; `pressure` when one of the descriptors had its event."""
        for where, available, floor in [self._machine(), *map(self._group, self._limited)]:
            if available < (2 * floor if pressure else floor):
                return Shortage(where, available, floor, pressure)
        return None

    def _machine(self) -> tuple[str, int, int]:
        now = meminfo.read(self._host)
        available = now.mem_available if now.mem_available is not None else now.mem_free
        floor = reserve(now.mem_total) // 2 if self._floor is None else self._floor
        return "this machine", available, floor

    def _group(self, level: cgroup.Level) -> tuple[str, int, int]:
        """A twentieth of a group's limit; of what it uses the file cache is no loss."""
        limit = level.limit or 0
        usage = cgroup.usage(self._host, level.path, self._version)
        if limit - usage < limit // 10:
            stat = cgroup_memory.parse(self._host.read(f"{level.path}/memory.stat"))
            usage -= sum(stat.get(name, 0) for name in _FILE_CACHE[self._version])
        return f"the memory cgroup {level.path}", limit - usage, limit // 20


def trigger(path: str, text: bytes = _TRIGGER) -> int | None:
    """A descriptor with an event when tasks wait for memory; None where the kernel grants none."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        os.write(descriptor, text)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
