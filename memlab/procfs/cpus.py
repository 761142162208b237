"""/sys/devices/system/cpu/online: which CPUs run (admin-guide/cputopology.rst)."""

from __future__ import annotations

import re

from memlab.errors import Malformed
from memlab.procfs.fields import only_line
from memlab.procfs.host import Host

ONLINE = "/sys/devices/system/cpu/online"
_RANGE = re.compile(r"([0-9]{1,7})(?:-([0-9]{1,7}))?")


def parse(text: bytes, path: str = ONLINE) -> tuple[int, ...]:
    """'0-2,5' -> (0, 1, 2, 5); Malformed on anything but such a list."""
    line = only_line(text, path)
    found: list[int] = []
    for part in line.split(","):
        match = _RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise Malformed(path, 1, line, "is no list of CPUs")
        found += range(first, last + 1)
    return tuple(found)


def read(host: Host) -> tuple[int, ...]:
    """The numbers of the CPUs that are online."""
    return parse(host.read(ONLINE), ONLINE)
