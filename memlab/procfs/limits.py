"""/proc/PID/limits: the resource limits of a process (fs/proc/base.c, proc_pid_limits; getrlimit(2))."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import snake
from memlab.procfs.host import Host

# the name is padded to 25 columns, the soft limit behind it may fill its own to the last
_LINE = re.compile(r"Max (.{21}) (unlimited|\d+) +(?:unlimited|\d+)")


@dataclass(frozen=True)
class Limits:
    """Soft limits by name (`address_space`, `stack_size`, `open_files`, …); None is unlimited.

    Sizes are bytes, as the kernel prints them.
    """

    soft: Mapping[str, int | None]


def parse(text: bytes, path: str = "limits") -> Limits:
    """A table of fixed columns: `Max address space   unlimited   unlimited   bytes`."""
    soft: dict[str, int | None] = {}
    for number, line in enumerate(text.decode(errors="replace").splitlines(), 1):
        if number == 1 and line.startswith("Limit"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise Malformed(path, number, line, "is no limit")
        soft[snake(match[1])] = None if match[2] == "unlimited" else int(match[2])
    return Limits(soft)


def read(host: Host, pid: int) -> Limits:
    """Read it; may be read of every process."""
    path = f"/proc/{pid}/limits"
    return parse(host.read(path), path)
