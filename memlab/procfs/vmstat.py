"""/proc/vmstat: the counters of memory management (mm/vmstat.c). Their names differ by kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memlab.errors import Malformed, Unsupported
from memlab.procfs.fields import lines_of, numbers
from memlab.procfs.host import Host


@dataclass(frozen=True)
class Vmstat:
    """Names and values as the kernel has them: nr_* are pages now, most others events since boot.

    pgfault and pgmajfault count all faults and those that waited for a disk; oom_kill the
    victims (4.13); pswpin and pswpout pages of swap.
    """

    fields: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        """Unsupported where this kernel has no such counter."""
        if name not in self.fields:
            raise Unsupported(
                f"vmstat of this kernel has no {name!r}", "see .fields for what it has"
            )
        return self.fields[name]


def parse(text: bytes, path: str = "vmstat") -> Vmstat:
    """Lines of `name value`."""
    fields: dict[str, int] = {}
    for number, line in lines_of(text):
        name, blank, value = line.partition(" ")
        if not name or not blank or name in fields:
            raise Malformed(path, number, line, "is no 'name value', or there twice")
        (fields[name],) = numbers([value], path, line, number)
    if not fields:
        raise Malformed(path, 1, "", "is empty")
    return Vmstat(fields)


def read(host: Host) -> Vmstat:
    """Read the machine's."""
    return parse(host.read("/proc/vmstat"), "/proc/vmstat")
