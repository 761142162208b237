"""The memory cgroup of a process, version 1 or 2 (kernel/cgroup/cgroup.c; admin-guide/cgroup-v2.rst).

/proc/PID/cgroup says in which group, /proc/PID/mountinfo where groups are mounted.
"""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Denied, Malformed, Unsupported
from memlab.procfs import mountinfo
from memlab.procfs.host import Host

# v1 prints the largest page-aligned long for "no limit" (mm/page_counter.c)
_NO_LIMIT = (1 << 63) - 4096


@dataclass(frozen=True)
class MemoryGroup:
    """Where the memory group of a process is and how full: bytes, None for no limit.

    path: the folder under /sys/fs/cgroup; version: 1 or 2.
    """

    path: str
    version: int
    usage: int
    limit: int | None


def parse(text: bytes, path: str = "cgroup") -> dict[str, str]:
    """Group by controller; the group of version 2 stands under ""."""
    groups = {}
    for number, line in enumerate(text.decode(errors="surrogateescape").splitlines(), 1):
        parts = line.split(":", 2)
        if len(parts) != 3 or not parts[0].isdecimal():
            raise Malformed(path, number, line, "is no group")
        for controller in parts[1].split(","):
            groups[controller] = parts[2]
    return groups


def memory_folder(host: Host, pid: int | str = "self") -> tuple[str, int]:
    """The folder of the group that accounts for the process's memory, and its version.

    Raises Unsupported where no memory controller is mounted.
    """
    path = f"/proc/{pid}/cgroup"
    groups = parse(host.read(path), path)
    for mount in mountinfo.read(host, pid):
        if mount.fs_type == "cgroup" and "memory" in mount.super_options and "memory" in groups:
            return _below(mount, groups["memory"]), 1
    for mount in mountinfo.read(host, pid):
        if mount.fs_type == "cgroup2" and "" in groups:
            folder = _below(mount, groups[""])
            try:
                host.read(f"{folder}/memory.current")
            except (Unsupported, Denied):
                continue  # the root group, or the controller is not enabled here
            return folder, 2
    raise Unsupported("no memory cgroup is in force here", "limits come from RLIMIT_AS instead")


def _below(mount: mountinfo.Mount, group: str) -> str:
    """In a container the mount shows only a part of the tree: its root says which."""
    inside = group.removeprefix(mount.root) if mount.root != "/" else group
    return (mount.mount_point + "/" + inside.lstrip("/")).rstrip("/")


def read(host: Host, pid: int | str = "self") -> MemoryGroup:
    """Find the group and read how full it is."""
    folder, version = memory_folder(host, pid)
    if version == 1:
        usage = host.read(f"{folder}/memory.usage_in_bytes")
        limit = host.read(f"{folder}/memory.limit_in_bytes")
    else:
        usage = host.read(f"{folder}/memory.current")
        limit = host.read(f"{folder}/memory.max")
    return MemoryGroup(folder, version, _bytes(usage, folder) or 0, _bytes(limit, folder))


def _bytes(text: bytes, path: str) -> int | None:
    word = text.decode(errors="replace").strip()
    if word == "max":
        return None
    if not word.isdecimal():
        raise Malformed(path, 1, word, "is no size")
    return None if int(word) >= _NO_LIMIT else int(word)
