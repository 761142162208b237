"""Figures: what tools print about the memory of a process, each read from the field it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from memlab.errors import MemlabError, Unsupported
from memlab.model.classify import Regions
from memlab.model.group import charges
from memlab.model.sample import Sample
from memlab.procfs import meminfo, smaps, smaps_rollup, stat, statm, status

T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """A number with a name: bytes, and the field of which file it is."""

    name: str
    bytes: int
    source: str


def need_smaps(sample: Sample) -> smaps.Smaps:
    """smaps, or the error that says why it is not there."""
    return sample.smaps if sample.smaps is not None else smaps.read(sample.host, sample.pid)


def need_status(sample: Sample) -> status.Status:
    """status, or the error that says why it is not there."""
    return sample.status if sample.status is not None else status.read(sample.host, sample.pid)


def need_meminfo(sample: Sample) -> meminfo.Meminfo:
    """meminfo, or the error that says why it is not there."""
    return sample.meminfo if sample.meminfo is not None else meminfo.read(sample.host)


def need_rollup(sample: Sample) -> smaps_rollup.Rollup:
    """smaps_rollup, or the error that says why it is not there."""
    if sample.rollup is None:
        return smaps_rollup.read(sample.host, sample.pid)
    return sample.rollup


def need_regions(sample: Sample) -> Regions:
    """The classified mappings, or the error that says why smaps is not there."""
    need_smaps(sample)
    assert sample.regions is not None
    return sample.regions


def told(value: T | None, field: str) -> T:
    """A field that not every kernel prints."""
    if value is None:
        raise Unsupported(f"this kernel does not print {field}")
    return value


def private(sums: Callable[[str], int]) -> int:
    """USS: resident pages that are mapped once."""
    return sums("private_clean") + sums("private_dirty")


def _rss_parts(sample: Sample) -> int:
    words = need_status(sample)
    parts = (words.rss_anon, words.rss_file, words.rss_shmem)
    return sum(told(part, "RssAnon") for part in parts)


def _free_used(sample: Sample) -> int:
    machine = need_meminfo(sample)
    return machine.mem_total - told(machine.mem_available, "MemAvailable")


def _extents(sample: Sample) -> int:
    return sum(row.size for row in need_smaps(sample))


# name: how it is read, and the field
_READ: dict[str, tuple[Callable[[Sample], int], str]] = {
    "stat.rss": (lambda s: (s.stat or stat.read(s.host, s.pid)).rss, "stat rss"),
    "statm.resident": (
        lambda s: (s.statm or statm.read(s.host, s.pid)).resident,
        "statm resident",
    ),
    "statm.shared": (lambda s: (s.statm or statm.read(s.host, s.pid)).shared, "statm shared"),
    "status.vmrss": (lambda s: told(need_status(s).vm_rss, "VmRSS"), "status VmRSS"),
    "status.parts": (_rss_parts, "status RssAnon + RssFile + RssShmem"),
    "smaps.rss": (lambda s: need_smaps(s).total("rss"), "smaps Rss, summed"),
    "smaps.pss": (lambda s: need_smaps(s).total("pss"), "smaps Pss, summed"),
    "smaps.uss": (
        lambda s: private(need_smaps(s).total),
        "smaps Private_Clean + Private_Dirty, summed",
    ),
    "rollup.rss": (lambda s: need_rollup(s)["rss"], "smaps_rollup Rss"),
    "rollup.pss": (lambda s: need_rollup(s)["pss"], "smaps_rollup Pss"),
    "rollup.uss": (
        lambda s: private(need_rollup(s).__getitem__),
        "smaps_rollup Private_Clean + Private_Dirty",
    ),
    "status.vmsize": (lambda s: told(need_status(s).vm_size, "VmSize"), "status VmSize"),
    "stat.vsize": (lambda s: (s.stat or stat.read(s.host, s.pid)).vsize, "stat vsize"),
    "statm.size": (lambda s: (s.statm or statm.read(s.host, s.pid)).size, "statm size"),
    "smaps.size": (lambda s: need_smaps(s).total("size"), "smaps Size, summed"),
    "pmap.total": (_extents, "end - start of all mappings"),
    "cgroup.usage": (lambda s: charges(s).usage, "usage of the innermost memory cgroup"),
    "free.used": (_free_used, "meminfo MemTotal - MemAvailable"),
}
# what people call them: procps-ng 4, sysstat 12, smem 1.5
_TOOLS = {
    "ps.rss": "status.vmrss",
    "top.res": "statm.resident",
    "top.shr": "statm.shared",
    "pidstat.rss": "stat.rss",
    "pmap.rss": "smaps.rss",
    "smem.rss": "smaps.rss",
    "smem.pss": "smaps.pss",
    "smem.uss": "smaps.uss",
    "ps.vsz": "status.vmsize",
    "top.virt": "statm.size",
    "pidstat.vsz": "stat.vsize",
    "smem.vss": "smaps.size",
    "vsz": "stat.vsize",
}
FIGURES: tuple[str, ...] = (*_TOOLS, *_READ)


def canonical(name: str) -> str:
    """The field behind a name, in any case; MemlabError lists the names where it is none."""
    lower = name.lower()
    found = _TOOLS.get(lower, lower)
    if found not in _READ:
        raise MemlabError(f"{name!r} is no figure", "choose from " + " ".join(FIGURES))
    return found


def figure(sample: Sample, name: str) -> Figure:
    """Read one figure; raises as `explain`."""
    read, source = _READ[canonical(name)]
    return Figure(name, read(sample), source)
