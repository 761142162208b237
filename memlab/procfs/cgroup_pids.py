"""The pids cgroup of a process: how many threads it and those beside it may have (admin-guide/cgroup-v2.rst, PID)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from memlab.errors import Denied, Unsupported
from memlab.procfs import cgroup, mountinfo
from memlab.procfs.fields import numbers, only_line
from memlab.procfs.host import Host


@dataclass(frozen=True)
class TaskGroup:
    """The level with the least room on the way up: its folder, threads there now, and the most there may be."""

    path: str
    current: int
    limit: int


def parse(text: bytes, path: str = "pids.current") -> int:
    """One number; pids.max without a limit says `max`, which is none."""
    line = only_line(text, path)
    (value,) = numbers([line], path, line)
    return value


def read(host: Host, pid: int | str = "self") -> TaskGroup | None:
    """Find the tightest level; None where no level in sight has a limit.

    pids.max and pids.current have the same names in both versions; the root has none. Raises Gone where
    the process has ended.
    """
    path = f"/proc/{pid}/cgroup"
    groups = cgroup.parse(host.read(path), path)
    found = []
    for mount in mountinfo.read(host, "self"):
        for version in (1, 2):
            folder = cgroup.folder_in(mount, groups, version, "pids")
            if folder is not None:
                found += _limited(host, folder, mount.mount_point)
    return min(found, key=lambda group: group.limit - group.current, default=None)


def _limited(host: Host, folder: str, top: str) -> list[TaskGroup]:
    found = []
    here = PurePosixPath(folder)
    for place in (here, *here.parents):
        path = f"{place}/pids.max"
        try:
            most, now = host.read(path), host.read(f"{place}/pids.current")
        except (Denied, Unsupported):
            most = now = b"max"
        if most.strip() != b"max":
            found.append(
                TaskGroup(str(place), parse(now, f"{place}/pids.current"), parse(most, path))
            )
        if place == PurePosixPath(top):
            break
    return found
