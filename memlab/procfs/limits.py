"""/proc/PID/limits: the resource limits of a process (fs/proc/base.c, proc_pid_limits; getrlimit(2))."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import lines_of, snake
from memlab.procfs.host import Host

# fixed columns, but a number of 20 digits leaves one blank between them
_LINE = re.compile(r"Max (.+?) +(unlimited|[0-9]{1,20}) +(unlimited|[0-9]{1,20})(?: +([a-z]+))? *")


@dataclass(frozen=True)
class Limits:
    """Limits by name (`address_space`, `stack_size`, `open_files`, …); None is unlimited.

    soft: what holds; hard: how far the process may raise it; units: bytes, seconds, us or what
    is counted, "" for priorities.
    """

    soft: Mapping[str, int | None]
    hard: Mapping[str, int | None]
    units: Mapping[str, str]


def parse(text: bytes, path: str = "limits") -> Limits:
    """A table: `Max address space   unlimited   unlimited   bytes`."""
    soft: dict[str, int | None] = {}
    hard: dict[str, int | None] = {}
    units: dict[str, str] = {}
    for number, line in lines_of(text):
        if number == 1 and line.startswith("Limit"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise Malformed(path, number, line, "is no limit")
        name = snake(match[1])
        soft[name], hard[name], units[name] = _number(match[2]), _number(match[3]), match[4] or ""
    if not soft:
        raise Malformed(path, 1, "", "holds no limits")
    return Limits(soft, hard, units)


def _number(word: str) -> int | None:
    return None if word == "unlimited" else int(word)


def read(host: Host, pid: int | str) -> Limits:
    """Read it; may be read of every process."""
    path = f"/proc/{pid}/limits"
    return parse(host.read(path), path)
