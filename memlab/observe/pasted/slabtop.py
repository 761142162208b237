"""`slabtop -o` (procps-ng, slabtop.c): OBJS ACTIVE USE OBJ-SIZE SLABS OBJ/SLAB CACHE-SIZE NAME, sizes with a K."""

from __future__ import annotations

import re

from memlab.observe.pasted.taken import Taken
from memlab.units import KIB, format_bytes

_LINE = re.compile(
    r"^\s*(\d+)\s+(\d+)\s+(\d+)%\s+([\d.,]+)K\s+(\d+)\s+(\d+)\s+(?P<size>\d+)K\s+(?P<name>\S+)\s*$"
)


def looks_like(lines: list[str]) -> bool:
    """A line of a cache."""
    return any(map(_LINE.match, lines))


def read(lines: list[str]) -> Taken:
    """The largest caches."""
    sizes: dict[str, int] = {}
    for line in lines:
        if found := _LINE.match(line):
            sizes[found["name"]] = int(found["size"]) * KIB
    largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
    told = ", ".join(f"{name} {format_bytes(sizes[name])}" for name in largest)
    return Taken(
        f"slabtop: one look at {len(sizes)} caches",
        told=(f"the largest caches of the kernel: {told}",),
        cannot=("one look shows no growth, and no process",),
        of_machine=True,
    )
