"""/proc/PID/limits: the resource limits of a process (fs/proc/base.c, proc_pid_limits; getrlimit(2))."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import snake
from memlab.procfs.host import Host


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
        parts = re.split(r"\s{2,}", line.strip())
        if len(parts) < 3 or not (parts[1] == "unlimited" or parts[1].isdecimal()):
            raise Malformed(path, number, line, "is no limit")
        soft[snake(parts[0].removeprefix("Max "))] = (
            None if parts[1] == "unlimited" else int(parts[1])
        )
    return Limits(soft)


def read(host: Host, pid: int) -> Limits:
    """Read it; may be read of every process."""
    path = f"/proc/{pid}/limits"
    return parse(host.read(path), path)
