"""/proc/consoles: where printk's messages are shown (fs/proc/consoles.c; proc.rst, "consoles")."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import lines_of
from memlab.procfs.host import Host

_LINE = re.compile(
    r"(?P<name>\S+) +(?P<can>[R-][W-][U-]) \((?P<flags>[A-Za-z ]*)\)(?: +(?P<major>\d+):(?P<minor>\d+))?"
)


@dataclass(frozen=True)
class Console:
    """One registered console.

    name: driver and number ("ttyS0", "tty0"); can: R read, W write, U unblank; flags: E enabled,
    C preferred (what /dev/console leads to), B boot console, N with a thread of its own (nbcon), p used for
    the ring buffer, b braille, a safe to use when its CPU is offline; device: (major, minor), None without one.
    """

    name: str
    can: str
    flags: str
    device: tuple[int, int] | None

    @property
    def enabled(self) -> bool:
        """It shows messages."""
        return "E" in self.flags

    @property
    def preferred(self) -> bool:
        """It is /dev/console."""
        return "C" in self.flags


def parse(text: bytes, path: str = "consoles") -> tuple[Console, ...]:
    """All consoles, in the kernel's order; none is possible."""
    return tuple(_console(path, number, line) for number, line in lines_of(text))


def _console(path: str, number: int, line: str) -> Console:
    found = _LINE.fullmatch(line.rstrip(" "))
    if found is None:
        raise Malformed(path, number, line, "is no console")
    device = (int(found["major"]), int(found["minor"])) if found["major"] else None
    return Console(
        name=found["name"],
        can=found["can"].replace("-", ""),
        flags=found["flags"].replace(" ", ""),
        device=device,
    )


def read(host: Host) -> tuple[Console, ...]:
    """Read the machine's; everybody may."""
    return parse(host.read("/proc/consoles"), "/proc/consoles")
