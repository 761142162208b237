"""What `pmap` says of a process's mappings (procps-ng, src/pmap.c), and what each one is."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.model.memory import MemoryType, RegionKind
from memlab.model.readings import need_regions
from memlab.model.sample import Sample
from memlab.procfs.fields import snake
from memlab.procfs.smaps_lines import NUMBERS

_KERNELS_WORDS = {snake(word): word for word in NUMBERS}
# numbers that are no sizes, or say nothing when they are added up
NOT_SUMMED = frozenset({"KernelPageSize", "MMUPageSize", "THPeligible", "ProtectionKey"})


@dataclass(frozen=True)
class Line:
    """One mapping. size, rss, dirty: bytes; dirty: written since it was read from its file or made.

    mode: five letters as pmap has them, `s` for shared, and no `p`; name: the file's last part, [heap]
    and the like, "" for anonymous memory; columns: every number of smaps by the kernel's word.
    """

    start: int
    size: int
    rss: int
    dirty: int
    mode: str
    name: str
    type: MemoryType
    kind: RegionKind
    columns: dict[str, int]


@dataclass(frozen=True)
class Pmap:
    """All mappings in order of address, [vsyscall] too, which VSZ does not count."""

    pid: int
    comm: str
    lines: tuple[Line, ...]

    @property
    def total(self) -> dict[str, int]:
        """The sums of Size, Rss, Dirty and all other columns that can be added up."""
        names = self.lines[0].columns if self.lines else {}
        sums = {
            name: sum(line.columns[name] for line in self.lines)
            for name in names
            if name not in NOT_SUMMED
        }
        return {"Dirty": sum(line.dirty for line in self.lines), **sums}


def pmap(sample: Sample) -> Pmap:
    """Raises Denied where smaps was."""
    regions = need_regions(sample)
    smaps = regions.smaps
    words = {name: _KERNELS_WORDS.get(name, name) for name in smaps.sizes}
    lines = []
    for row, mapping in enumerate(smaps):
        columns = {word: int(smaps.sizes[name][row]) for name, word in words.items()}
        lines.append(
            Line(
                start=mapping.start,
                size=mapping.size,
                rss=columns["Rss"],
                dirty=columns.get("Shared_Dirty", 0) + columns.get("Private_Dirty", 0),
                mode=mapping.perms[:3] + ("s-" if mapping.perms[3] == "s" else "--"),
                name=mapping.name.rpartition("/")[2] if mapping.name[:1] == "/" else mapping.name,
                type=MemoryType(int(regions.types[row])),
                kind=RegionKind(int(regions.kinds[row])),
                columns=columns,
            )
        )
    return Pmap(sample.pid, sample.stat.comm if sample.stat else "?", tuple(lines))
