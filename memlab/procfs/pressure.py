"""/proc/pressure/{memory,io,cpu,irq}, a cgroup's memory.pressure: time lost waiting (kernel/sched/psi.c; psi.rst)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memlab.errors import Malformed, Unsupported
from memlab.procfs.fields import lines_of
from memlab.procfs.host import Host

_SHARE = r"([0-9]{1,3}\.[0-9]{2})"
_LINE = re.compile(
    rf"(some|full) avg10={_SHARE} avg60={_SHARE} avg300={_SHARE} total=([0-9]{{1,20}})"
)


@dataclass(frozen=True)
class Stall:
    """avg10, avg60, avg300: per cent of the last 10, 60 and 300 seconds; total: microseconds so far."""

    avg10: float
    avg60: float
    avg300: float
    total: int


@dataclass(frozen=True)
class Pressure:
    """some: at least one task waited; full: all that had work waited, and nothing was done.

    None where there is no such line: irq has no some, cpu before Linux 5.13 no full.
    """

    some: Stall | None
    full: Stall | None


def parse(text: bytes, path: str = "pressure") -> Pressure:
    """`some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and the same of `full`."""
    found: dict[str, Stall] = {}
    for number, line in lines_of(text):
        match = _LINE.fullmatch(line)
        if match is None or match[1] in found:
            raise Malformed(path, number, line, "is no line of pressure, or there twice")
        found[match[1]] = Stall(float(match[2]), float(match[3]), float(match[4]), int(match[5]))
    if not found:
        raise Malformed(path, 1, "", "is empty")
    return Pressure(found.get("some"), found.get("full"))


def read(host: Host, path: str = "/proc/pressure/memory") -> Pressure:
    """Read the machine's, of memory, or whatever file of this shape `path` is.

    Raises Unsupported where the kernel keeps no such account.
    """
    try:
        return parse(host.read(path), path)
    except Unsupported as error:
        hint = "pressure is kept from Linux 4.20 on, and some kernels want psi=1 at boot"
        raise Unsupported(error.message, hint) from None
