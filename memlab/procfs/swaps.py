"""/proc/swaps: what memory is swapped to (mm/swapfile.c, swap_show; proc.rst)."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import lines_of, numbers, unescaped
from memlab.procfs.host import Host


@dataclass(frozen=True)
class Swap:
    """One swap area. file: its name, escapes undone (" (deleted)" behind a removed one); type:
    "partition" or "file"; size, used: bytes; priority: higher is used first, below 0 as added.
    """

    file: str
    type: str
    size: int
    used: int
    priority: int


def parse(text: bytes, path: str = "swaps") -> tuple[Swap, ...]:
    """A line with the columns' names, then an area a line; () where there is no swap."""
    lines = lines_of(text)
    number, line = next(lines, (1, ""))
    if line.split() != ["Filename", "Type", "Size", "Used", "Priority"]:
        raise Malformed(path, number, line, "names no columns of swaps")
    return tuple(_swap(line, path, number) for number, line in lines)


def _swap(line: str, path: str, number: int) -> Swap:
    # other white space may be a part of the name, and is not escaped
    words = [word for word in line.replace("\t", " ").split(" ") if word]
    if len(words) != 5:
        raise Malformed(path, number, line, f"has {len(words)} columns, not 5")
    size, used, priority = numbers(words[2:], path, line, number)
    return Swap(unescaped(words[0]), words[1], size * 1024, used * 1024, priority)


def read(host: Host) -> tuple[Swap, ...]:
    """Read the machine's."""
    return parse(host.read("/proc/swaps"), "/proc/swaps")
