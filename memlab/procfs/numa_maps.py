"""/proc/PID/numa_maps: on which nodes the pages of each mapping lie (fs/proc/task_mmu.c, show_numa_map; numa(7))."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import lines_of, numbers, unescaped
from memlab.procfs.host import Host

# two policies have a blank in their name: "prefer (many):0-1" and "weighted interleave:0-1"
_LINE = re.compile(
    r"([0-9a-f]{1,16}) ([a-z][^ ]*(?: \(many\)[^ ]*| interleave[^ ]*)?)((?: [^ ]+)*) *"
)
_NODE = re.compile(r"N([0-9]{1,9})")


@dataclass(frozen=True)
class NumaMapping:
    """One mapping, of one start address; where it ends, maps says.

    policy: "default", "local", "bind:0-1", …; file: its path, or None (newline, tab, blank and
    "=" are escaped by the kernel and are undone here; " (deleted)" behind a removed one); flags:
    heap, stack, huge; nodes: resident pages by node; counts: pages that are anon, dirty, mapped,
    swapcache, active, writeback, and mapmax, the most often that one is mapped: the kernel names
    only some; page_bytes: of one page counted here, None where none is resident.
    """

    start: int
    policy: str
    file: str | None
    flags: frozenset[str]
    nodes: Mapping[int, int]
    counts: Mapping[str, int]
    page_bytes: int | None

    @property
    def bytes(self) -> int:
        """Resident bytes on all nodes."""
        return sum(self.nodes.values()) * (self.page_bytes or 0)


def parse(text: bytes, path: str = "numa_maps") -> tuple[NumaMapping, ...]:
    """A mapping a line: `address policy`, then flags and `name=number`, in any order."""
    return tuple(_mapping(line, path, number) for number, line in lines_of(text))


def _mapping(line: str, path: str, number: int) -> NumaMapping:
    match = _LINE.fullmatch(line)
    if match is None:
        raise Malformed(path, number, line, "is no mapping")
    file = None
    flags: set[str] = set()
    nodes: dict[int, int] = {}
    counts: dict[str, int] = {}
    for word in match[3].split(" ")[1:]:
        name, equals, value = word.partition("=")
        node = _NODE.fullmatch(name)
        if not equals:
            flags.add(word)
        elif name == "file":
            file = unescaped(value)
        elif node is not None:
            (nodes[int(node[1])],) = numbers([value], path, line, number)
        else:
            (counts[name],) = numbers([value], path, line, number)
    kilobytes = counts.pop("kernelpagesize_kB", None)
    if nodes and kilobytes is None:
        raise Malformed(path, number, line, "has pages and no size of them: it is cut")
    page_bytes = None if kilobytes is None else kilobytes * 1024
    return NumaMapping(
        int(match[1], 16), match[2], file, frozenset(flags), nodes, counts, page_bytes
    )


def read(host: Host, pid: int | str) -> tuple[NumaMapping, ...]:
    """Read it; Denied for the process of another user, Unsupported without CONFIG_NUMA.

    As dear as smaps: the kernel looks at each page.
    """
    path = f"/proc/{pid}/numa_maps"
    return parse(host.read(path), path)
