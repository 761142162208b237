"""The files of one memory cgroup beside usage and limit (admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memlab.errors import Denied, Malformed, Unsupported
from memlab.procfs.fields import lines_of, numbers, only_line
from memlab.procfs.host import Host

_UNLIMITED = (1 << 63) - 65536  # v1's largest page-aligned long; 64 KiB pages too


@dataclass(frozen=True)
class GroupMemory:
    """One group; bytes, None where this version or kernel has no such file.

    stat: memory.stat by the kernel's names (v1 has `total_*` beside each, with the groups below).
    events: memory.events with the groups below (v2), how often: low, high, max, oom, oom_kill, …;
    events_local: of this group alone (5.2). oom_control: v1's oom_kill_disable, under_oom, oom_kill.
    failures: how often usage hit the limit (v1 failcnt). peak: the most that was ever used
    (max_usage_in_bytes; memory.peak, 5.19). high: above it the group is slowed and reclaimed (v2);
    soft_limit: where reclaim begins when the machine is short (v1). swap, swap_limit: memory.swap.* (v2),
    swap_events: how often it was full (max, fail, high); memsw, memsw_limit, memsw_failures: memory and
    swap together (v1). kmem, kmem_peak, kmem_limit, kmem_failures: kernel memory (v1, its limit no more since
    5.16; in v2 it is `kernel` of stat).
    """

    stat: Mapping[str, int]
    events: Mapping[str, int] | None = None
    events_local: Mapping[str, int] | None = None
    oom_control: Mapping[str, int] | None = None
    failures: int | None = None
    peak: int | None = None
    swap: int | None = None
    swap_limit: int | None = None
    memsw: int | None = None
    memsw_limit: int | None = None
    kmem: int | None = None
    kmem_peak: int | None = None
    high: int | None = None
    soft_limit: int | None = None
    swap_events: Mapping[str, int] | None = None
    memsw_failures: int | None = None
    kmem_limit: int | None = None
    kmem_failures: int | None = None


def parse(text: bytes, path: str = "memory.stat") -> dict[str, int]:
    """Lines of `name number`, as memory.stat, memory.events and memory.oom_control have them."""
    found: dict[str, int] = {}
    for number, line in lines_of(text):
        name, blank, word = line.partition(" ")
        if not blank or not name or name in found:
            raise Malformed(path, number, line, "is no 'name number', or is there twice")
        (found[name],) = numbers([word], path, line, number)
    return found


def parse_size(text: bytes, path: str = "memory.max") -> int | None:
    """One number of bytes; None for no limit (`max`, or v1's largest number)."""
    line = only_line(text, path)
    if line == "max":
        return None
    (size,) = numbers([line], path, line)
    return None if size >= _UNLIMITED else size


def read_stat(host: Host, folder: str) -> dict[str, int]:
    """memory.stat of the group in this folder (see `cgroup.memory_folder`)."""
    path = f"{folder}/memory.stat"
    return parse(host.read(path), path)


def read(host: Host, folder: str) -> GroupMemory:
    """Every file that there is; raises Unsupported where the folder is no memory cgroup."""

    def table(name: str) -> dict[str, int] | None:
        path = f"{folder}/{name}"
        try:
            return parse(host.read(path), path)
        except (Denied, Unsupported):
            return None

    return GroupMemory(
        stat=read_stat(host, folder),
        events=table("memory.events"),
        events_local=table("memory.events.local"),
        oom_control=table("memory.oom_control"),
        failures=_size(host, folder, "memory.failcnt"),
        peak=_size(host, folder, "memory.peak", "memory.max_usage_in_bytes"),
        swap=_size(host, folder, "memory.swap.current"),
        swap_limit=_size(host, folder, "memory.swap.max"),
        memsw=_size(host, folder, "memory.memsw.usage_in_bytes"),
        memsw_limit=_size(host, folder, "memory.memsw.limit_in_bytes"),
        kmem=_size(host, folder, "memory.kmem.usage_in_bytes"),
        kmem_peak=_size(host, folder, "memory.kmem.max_usage_in_bytes"),
        high=_size(host, folder, "memory.high"),
        soft_limit=_size(host, folder, "memory.soft_limit_in_bytes"),
        swap_events=table("memory.swap.events"),
        memsw_failures=_size(host, folder, "memory.memsw.failcnt"),
        kmem_limit=_size(host, folder, "memory.kmem.limit_in_bytes"),
        kmem_failures=_size(host, folder, "memory.kmem.failcnt"),
    )


def _size(host: Host, folder: str, *names: str) -> int | None:
    for name in names:
        path = f"{folder}/{name}"
        try:
            return parse_size(host.read(path), path)
        except (Denied, Unsupported):
            pass
    return None
