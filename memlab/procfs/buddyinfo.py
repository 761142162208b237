"""/proc/buddyinfo: free blocks by size; shows fragmentation (mm/vmstat.c, frag_show_print; proc.rst, "buddyinfo")."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import lines_of
from memlab.procfs.host import Host
from memlab.units import PAGE_BYTES

_LINE = re.compile(r"Node +([0-9]{1,10}), zone +([^ ]+)((?: +[0-9]{1,20})+) *")


@dataclass(frozen=True)
class FreeBlocks:
    """The free blocks of one zone. counts[n]: how many of 2^n pages; page_bytes: of one page."""

    node: int
    zone: str
    counts: tuple[int, ...]
    page_bytes: int

    @property
    def bytes(self) -> int:
        """All that is free here; the lists of single pages that each CPU keeps are not counted."""
        return self.in_blocks_of(1)

    def in_blocks_of(self, size: int) -> int:
        """Bytes in blocks of `size` bytes and larger: what one request of that size could draw on."""
        blocks = ((self.page_bytes << order, count) for order, count in enumerate(self.counts))
        return sum(block * count for block, count in blocks if block >= size)


def parse(
    text: bytes, path: str = "buddyinfo", page_bytes: int = PAGE_BYTES
) -> tuple[FreeBlocks, ...]:
    """A zone a line: `Node 0, zone Normal 4381 1093 …`, one number for each order."""
    found: list[FreeBlocks] = []
    for number, line in lines_of(text):
        match = _LINE.fullmatch(line)
        if match is None:
            raise Malformed(path, number, line, "is no 'Node N, zone NAME' with counts")
        counts = tuple(map(int, match[3].split()))
        if found and len(counts) != len(found[0].counts):
            raise Malformed(path, number, line, f"has not {len(found[0].counts)} counts: it is cut")
        found.append(FreeBlocks(int(match[1]), match[2], counts, page_bytes))
    if not found:
        raise Malformed(path, 1, "", "names no zone")
    return tuple(found)


def read(host: Host) -> tuple[FreeBlocks, ...]:
    """Read the machine's."""
    return parse(host.read("/proc/buddyinfo"), "/proc/buddyinfo", host.page_bytes)
