"""/proc/cgroups: how many groups each controller has (kernel/cgroup/cgroup-v1.c, proc_cgroupstats_show; cgroups(7))."""

from __future__ import annotations

from collections.abc import Mapping

from memlab.errors import Malformed
from memlab.procfs.fields import lines_of, numbers
from memlab.procfs.host import Host

PATH = "/proc/cgroups"


def parse(text: bytes, path: str = "cgroups") -> Mapping[str, int]:
    """Groups by controller. Of `memory` those count too that were removed and still have pages charged to them."""
    found: dict[str, int] = {}
    for number, line in lines_of(text):
        if line.startswith("#"):
            continue
        name, *words = line.split("\t")
        if len(words) != 3:
            raise Malformed(path, number, line, "has not four columns")
        found[name] = numbers(words, path, line, number)[1]
    return found


def read(host: Host) -> Mapping[str, int]:
    """Everybody may read it; Unsupported where the kernel has no control groups."""
    return parse(host.read(PATH), PATH)
