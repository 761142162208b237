"""/proc/sys/fs/dentry-state: the cache of file names (fs/dcache.c, proc_nr_dentry; admin-guide/sysctl/fs.rst)."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import numbers, only_line
from memlab.procfs.host import Host

PATH = "/proc/sys/fs/dentry-state"


@dataclass(frozen=True)
class DentryState:
    """Counts. nr_dentry: all names that are kept; nr_unused: those that nobody uses, which the kernel gives back;
    nr_negative: those of them that are names of nothing (looked up, and not there); None before Linux 5.0, which has
    no such count.
    """

    nr_dentry: int
    nr_unused: int
    nr_negative: int | None


def parse(text: bytes, path: str = "dentry-state") -> DentryState:
    """Six numbers in a line; the kernel before 5.0 writes 0 for the fifth, which then says nothing."""
    line = only_line(text, path)
    found = numbers(line.split(), path, line)
    if len(found) != 6:
        raise Malformed(path, 1, line, "has not six numbers")
    return DentryState(found[0], found[1], found[4] or None)


def read(host: Host) -> DentryState:
    """Everybody may read it; each read adds the counts of all CPUs."""
    return parse(host.read(PATH), PATH)
