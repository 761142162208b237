"""/sys/kernel/debug/kmemleak: memory of the kernel that nothing points to (mm/kmemleak.c; dev-tools/kmemleak.rst).

Root only, for kernels built with CONFIG_DEBUG_KMEMLEAK and started without kmemleak=off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import lines_of

_OBJECT = re.compile(r"unreferenced object 0x([0-9a-f]{1,16}) \(size ([0-9]{1,20})\):")
_WHO = re.compile(
    r'  comm "(.*)", pid (-?[0-9]{1,10}), jiffies ([0-9]{1,20})(?: \(age ([0-9.]{1,20})s\))?'
)
_FRAME = re.compile(r"    (?:\[<[^>]*>\] )?([^ ]+)( \[[^ \]]+\])?")


@dataclass(frozen=True)
class Unreferenced:
    """One object. size: bytes that were asked for; comm, pid: who asked; age: seconds, None where newer kernels
    do not say it; backtrace: function+offset/size, the nearest first; " [module]" stands behind it.
    """

    address: int
    size: int
    comm: str
    pid: int
    age: float | None
    backtrace: tuple[str, ...]


def parse(text: bytes, path: str = "kmemleak") -> tuple[Unreferenced, ...]:
    """A block an object: its address, who asked, a hex dump, the backtrace."""
    found: list[Unreferenced] = []
    head: tuple[int, int] | None = None
    who: tuple[str, int, float | None] = ("", 0, None)
    frames: list[str] | None = None

    def end() -> None:
        if head is not None:
            address, size = head
            comm, pid, age = who
            found.append(Unreferenced(address, size, comm, pid, age, tuple(frames or ())))

    for number, line in lines_of(text):
        if match := _OBJECT.fullmatch(line):
            end()
            head, who, frames = (int(match[1], 16), int(match[2])), ("", 0, None), None
        elif head is None:
            raise Malformed(path, number, line, "is no unreferenced object")
        elif match := _WHO.fullmatch(line):
            who = (match[1], int(match[2]), float(match[4]) if match[4] else None)
        elif line.startswith("  backtrace"):
            frames = []
        elif frames is not None and (match := _FRAME.fullmatch(line)):
            frames.append(match[1] + (match[2] or ""))
        elif not line.startswith("  "):
            raise Malformed(path, number, line, "is no line of an object")
    end()
    return tuple(found)
