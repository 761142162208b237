"""What changed between two instants."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.model.classify import Regions
from memlab.model.memory import RegionKind
from memlab.units import KIB


@dataclass(frozen=True)
class Grown:
    """A mapping that grew or is new; sizes in bytes, `footprint` is resident plus swapped."""

    start: int
    end: int
    perms: str
    name: str
    kind: RegionKind
    size_growth: int
    footprint_growth: int
    new: bool

    @property
    def label(self) -> str:
        """'[heap]', a file's name, or kind and address of what has no name."""
        return self.name or f"{self.kind.label} {self.start:x}-{self.end:x}"

    @property
    def line(self) -> str:
        """The mapping as /proc shows it."""
        size = (self.end - self.start) // KIB
        return f"{self.start:x}-{self.end:x} {self.perms} {size} kB {self.name}".rstrip()


def grown(before: Regions, after: Regions) -> list[Grown]:
    """The mappings that grew, by footprint and then by size, largest first.

    A mapping continues the one that it overlaps: the heap grows at its end, merged anonymous
    mappings at their start (mmap goes downwards). Several that were merged count together.
    """
    changes = []
    old = 0
    for row in range(len(after.smaps)):
        start, end = int(after.smaps.start[row]), int(after.smaps.end[row])
        size, footprint, new = end - start, int(after.footprint[row]), True
        while old < len(before.smaps) and int(before.smaps.end[old]) <= start:
            old += 1
        overlap = old
        while overlap < len(before.smaps) and int(before.smaps.start[overlap]) < end:
            size -= int(before.smaps.end[overlap]) - int(before.smaps.start[overlap])
            footprint -= int(before.footprint[overlap])
            new = False
            overlap += 1
        if size > 0 or footprint > 0:
            kind = RegionKind(int(after.kinds[row]))
            name, perms = after.smaps.names[row], after.smaps.perms[row]
            changes.append(Grown(start, end, perms, name, kind, size, footprint, new))
    return sorted(changes, key=lambda g: (-g.footprint_growth, -g.size_growth))
