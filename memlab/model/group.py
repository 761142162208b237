"""What the memory cgroup of a process is charged for, under one set of names for both versions."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Denied, Unsupported
from memlab.model.sample import Sample
from memlab.procfs import cgroup, cgroup_memory

# v1 prints its own share and, as total_*, that of all groups below it: usage is of both
_V1 = {
    "anon": "total_rss",
    "file": "total_cache",
    "shmem": "total_shmem",
    "swap": "total_swap",
    "swapcached": "total_swapcached",
}
# v2 before Linux 5.18 has no sum of kernel memory, only these parts
_V2_KERNEL = ("kernel_stack", "pagetables", "sec_pagetables", "percpu", "slab", "vmalloc")


@dataclass(frozen=True)
class Charges:
    """The innermost group of a process and all below it; bytes, None where this kernel does not say.

    path, version; usage: all that is charged (memory.current, memory.usage_in_bytes); limit: its own.
    From memory.stat: anon: mapped anonymous pages; file: page cache, shmem included; shmem; swap;
    swapcached: pages that are in memory and in swap; pagetables, sock, hugetlb (v2).
    kernel: memory.stat `kernel` (v2), memory.kmem.usage_in_bytes (v1; None for the root group,
    whose usage does not count it).
    """

    path: str
    version: int
    usage: int
    limit: int | None
    anon: int
    file: int
    shmem: int
    swap: int | None = None
    swapcached: int | None = None
    kernel: int | None = None
    pagetables: int | None = None
    sock: int | None = None
    hugetlb: int | None = None


def charges(sample: Sample) -> Charges:
    """The account of the process's group; raises Unsupported or Denied where it was not read."""
    host = sample.host
    group = cgroup.read(host, sample.pid)
    level = group.levels[0]
    stat = cgroup_memory.read_stat(host, level.path)
    name = _V1 if group.version == 1 else {key: key for key in _V1}
    try:
        anon, file, shmem = (stat[name[key]] for key in ("anon", "file", "shmem"))
    except KeyError as missing:
        raise Unsupported(
            f"memory.stat has no {missing}", "the kernel is too old for this"
        ) from None
    return Charges(
        path=level.path,
        version=group.version,
        usage=level.usage,
        limit=level.limit,
        anon=anon,
        file=file,
        shmem=shmem,
        swap=stat.get(name["swap"]),
        swapcached=stat.get(name["swapcached"]),
        kernel=_v1_kernel(sample, level.path) if group.version == 1 else _v2_kernel(stat),
        pagetables=stat.get("pagetables"),
        sock=stat.get("sock"),
        hugetlb=stat.get("hugetlb"),
    )


def _v1_kernel(sample: Sample, folder: str) -> int | None:
    groups = cgroup.parse(sample.host.read(f"/proc/{sample.pid}/cgroup"))
    # mm/memcontrol-v1.c, mem_cgroup_usage: the root group's usage is file and anonymous pages only
    if groups.get("memory") == "/":
        return None
    try:
        return int(sample.host.read(f"{folder}/memory.kmem.usage_in_bytes"))
    except (Denied, Unsupported):
        return None


def _v2_kernel(stat: dict[str, int]) -> int | None:
    if "kernel" in stat:
        return stat["kernel"]
    parts = [stat[key] for key in _V2_KERNEL if key in stat]
    return sum(parts) if parts else None
