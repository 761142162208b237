"""/proc/vmstat: the counters of memory management (mm/vmstat.c). Their names differ by kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.host import Host


@dataclass(frozen=True)
class Vmstat:
    """Names and values as the kernel has them: nr_* are pages now, the others events since boot.

    pgfault and pgmajfault count all faults and those that waited for a disk; oom_kill the victims.
    """

    fields: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.fields[name]


def parse(text: bytes, path: str = "vmstat") -> Vmstat:
    """Lines of `name value`."""
    fields = {}
    for number, line in enumerate(text.decode(errors="replace").splitlines(), 1):
        name, _, value = line.partition(" ")
        if not name or not value.removeprefix("-").isdecimal():
            raise Malformed(path, number, line, "is no 'name value'")
        fields[name] = int(value)
    return Vmstat(fields)


def read(host: Host) -> Vmstat:
    """Read the machine's."""
    return parse(host.read("/proc/vmstat"), "/proc/vmstat")
