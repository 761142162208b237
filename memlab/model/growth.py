"""How much things grew: mappings by what they are, lines of meminfo, and what looking costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from memlab.model.classify import Regions
from memlab.model.memory import MemoryType, RegionKind
from memlab.model.sample import Sample
from memlab.procfs.meminfo import Meminfo


@dataclass(frozen=True)
class Group:
    """The mappings of one kind, or of one file, taken together; bytes.

    `size_bytes` is address space, `footprint_bytes` what is resident or swapped.
    """

    label: str
    type: MemoryType
    size_bytes: int
    footprint_bytes: int
    mappings: int


def groups(regions: Regions) -> dict[str, Group]:
    """The mappings by label: a file's name, or the kind of what has none.

    Thirty thread stacks are one group: what grows is the group, not any one of them.
    """
    smaps = regions.smaps
    labels = np.array(
        [
            name if name.startswith("/") else RegionKind(int(kind)).label
            for name, kind in zip(smaps.names, regions.kinds, strict=True)
        ],
        dtype=object,
    )
    if not len(labels):
        return {}
    found, first, group = np.unique(labels, return_index=True, return_inverse=True)
    sizes = np.bincount(group, weights=(smaps.end - smaps.start).astype(np.float64))
    footprints = np.bincount(group, weights=regions.footprint)
    counts = np.bincount(group)
    return {
        str(label): Group(
            str(label),
            MemoryType(int(regions.types[first[i]])),
            int(sizes[i]),
            int(footprints[i]),
            int(counts[i]),
        )
        for i, label in enumerate(found)
    }


def growth(before: Mapping[str, Group], after: Mapping[str, Group]) -> dict[str, Group]:
    """What each group of `after` has more (or less) than in `before`; a new one has it all."""
    nothing = Group("", MemoryType.OTHER, 0, 0, 0)
    return {
        label: Group(
            label,
            now.type,
            now.size_bytes - before.get(label, nothing).size_bytes,
            now.footprint_bytes - before.get(label, nothing).footprint_bytes,
            now.mappings - before.get(label, nothing).mappings,
        )
        for label, now in after.items()
    }


# fields whose name is not simply the snake case of the kernel's word
_KERNEL_WORDS = {
    "active_anon": "Active(anon)",
    "active_file": "Active(file)",
    "inactive_anon": "Inactive(anon)",
    "inactive_file": "Inactive(file)",
    "committed_as": "Committed_AS",
    "nfs_unstable": "NFS_Unstable",
}
# counts of pages, and what is a setting or a fact of the hardware
_NO_SIZES = ("huge_pages_", "direct_map", "hugepagesize", "vmalloc_total", "vmalloc_chunk")


def meminfo_lines(meminfo: Meminfo) -> dict[str, int]:
    """The sizes of /proc/meminfo in bytes, by the kernel's own word."""
    fields = {**vars(meminfo), **meminfo.unknown}
    return {
        _KERNEL_WORDS.get(name, "".join(word.capitalize() for word in name.split("_"))): value
        for name, value in fields.items()
        if isinstance(value, int) and not name.startswith(_NO_SIZES)
    }


def changes(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """After minus before, for what is in both."""
    return {name: value - before[name] for name, value in after.items() if name in before}


def leading(
    amounts: Mapping[str, float],
    shown: Sequence[str] = (),
    *,
    most: int = 6,
    least: float = 1.0,
    margin: float = 1.25,
) -> list[str]:
    """The names with the largest amounts, up or down, at most `most`, none below `least`.

    What is `shown` stays, and stays in its place, until another one passes the weakest of it
    by `margin`: a list that is read must not jump.
    """
    size = {name: abs(amount) for name, amount in amounts.items() if abs(amount) >= least}
    kept = [name for name in shown if name in size][:most]
    others = sorted(size.keys() - set(kept), key=lambda name: (-size[name], name))
    for name in others:
        if len(kept) < most:
            kept.append(name)
            continue
        weakest = min(kept, key=lambda shown_name: size[shown_name])
        if size[name] <= margin * size[weakest]:
            break
        kept[kept.index(weakest)] = name
    return kept


def faults_per_second(before: Sample, now: Sample) -> float | None:
    """Minor faults a second between two samples; None where one has no stat."""
    seconds = now.monotonic - before.monotonic
    if before.stat is None or now.stat is None or seconds <= 0:
        return None
    return (now.stat.minflt - before.stat.minflt) / seconds


def core_share(samples: Iterable[Sample]) -> float | None:
    """What reading these samples cost, as a share of one core; None for fewer than two."""
    kept = list(samples)
    if len(kept) < 2:
        return None
    seconds = kept[-1].monotonic - kept[0].monotonic
    return sum(sample.cpu_seconds for sample in kept[1:]) / seconds if seconds > 0 else None
