"""The memory cgroup of a process, version 1 or 2 (admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst).

/proc/PID/cgroup says in which group it is, /proc/self/mountinfo where we can see that group:
the kernel prints group names as seen by the reader (cgroup_namespaces(7)).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from memlab.errors import Denied, Malformed, Unsupported
from memlab.procfs import mountinfo
from memlab.procfs.fields import lines_of, numbers
from memlab.procfs.host import Host

# v1 prints the largest page-aligned long for "no limit" (mm/page_counter.c); 64 KiB pages too
_NO_LIMIT = (1 << 63) - 65536
_FILES = {
    1: ("memory.usage_in_bytes", "memory.limit_in_bytes"),
    2: ("memory.current", "memory.max"),
}


@dataclass(frozen=True)
class Level:
    """One group on the way up: its folder, what it and all below it use, its own limit or None."""

    path: str
    usage: int
    limit: int | None


@dataclass(frozen=True)
class MemoryGroup:
    """Where the memory of a process is accounted, and how full that is; bytes.

    path: the folder of its own group; version: 1 or 2; levels: that group and those above it
    that have a memory controller, innermost first, as far up as we can see. A limit anywhere
    above counts: usage and limit are of the level with the least room (the innermost where none
    has a limit; limit is None then). usage counts page cache and kernel memory too.
    """

    path: str
    version: int
    levels: tuple[Level, ...]

    @property
    def tightest(self) -> Level:
        """The level that would be full first."""
        limited = [
            (level.limit - level.usage, level) for level in self.levels if level.limit is not None
        ]
        return min(limited, key=lambda pair: pair[0])[1] if limited else self.levels[0]

    @property
    def usage(self) -> int:
        """What the tightest level uses."""
        return self.tightest.usage

    @property
    def limit(self) -> int | None:
        """Where the tightest level ends; None for no limit."""
        return self.tightest.limit


def parse(text: bytes, path: str = "cgroup") -> dict[str, str]:
    """Group by controller: lines `id:controllers:/group`; version 2 stands under ""."""
    groups: dict[str, str] = {}
    for number, line in lines_of(text):
        parts = line.split(":", 2)
        if len(parts) != 3 or not parts[0].isdecimal() or not parts[2].startswith("/"):
            raise Malformed(path, number, line, "is no group")
        for controller in parts[1].split(","):
            groups[controller] = parts[2]
    return groups


def memory_folder(host: Host, pid: int | str = "self") -> tuple[str, int]:
    """The folder of the group that accounts for the process's memory, and its version.

    Raises Unsupported where no memory controller is in force, or its folder is not in sight.
    """
    folder, version, _top = _place(host, pid)
    return folder, version


def read(host: Host, pid: int | str = "self") -> MemoryGroup:
    """Find the group and read how full it and those above it are; errors as memory_folder."""
    folder, version, top = _place(host, pid)
    return MemoryGroup(folder, version, tuple(_levels(host, folder, top, version)))


def usage(host: Host, folder: str, version: int) -> int:
    """Bytes that a group and all below it use now, page cache and kernel memory included."""
    path = f"{folder}/{_FILES[version][0]}"
    return _bytes(host.read(path), path) or 0


def _place(host: Host, pid: int | str) -> tuple[str, int, str]:
    """Folder of the innermost group with a memory controller, version, folder of the topmost."""
    path = f"/proc/{pid}/cgroup"
    groups = parse(host.read(path), path)
    mounts = mountinfo.read(host, "self")
    for version in (1, 2):  # where v1 has the controller, v2 has it not
        for mount in mounts:
            folder = folder_in(mount, groups, version)
            if folder is None:
                continue
            for level in _levels(host, folder, mount.mount_point, version):
                return level.path, version, mount.mount_point
    raise Unsupported(
        "no memory cgroup of this process is in sight here",
        "without one, limits come from RLIMIT_AS and the machine",
    )


def folder_in(
    mount: mountinfo.Mount, groups: dict[str, str], version: int, controller: str = "memory"
) -> str | None:
    """Where this mount shows the group; None where it does not."""
    if version == 1:
        fits = mount.fs_type == "cgroup" and controller in mount.super_options
        group = groups.get(controller)
    else:
        fits = mount.fs_type == "cgroup2"
        group = groups.get("")
    if not fits or group is None or ".." in PurePosixPath(group).parts:
        return None
    # in a container the mount may show only a part of the tree: its root says which
    if not PurePosixPath(group).is_relative_to(mount.root):
        return None
    return str(PurePosixPath(mount.mount_point) / PurePosixPath(group).relative_to(mount.root))


def _levels(host: Host, folder: str, top: str, version: int) -> Iterator[Level]:
    """From `folder` up to `top`; groups without a memory controller (v2's root too) are left out."""
    here = PurePosixPath(folder)
    for place in (here, *here.parents):
        usage_file, limit_file = (f"{place}/{name}" for name in _FILES[version])
        try:
            usage, limit = host.read(usage_file), host.read(limit_file)
        except (Unsupported, Denied):
            pass
        else:
            yield Level(str(place), _bytes(usage, usage_file) or 0, _bytes(limit, limit_file))
        if place == PurePosixPath(top):
            return


def _bytes(text: bytes, path: str) -> int | None:
    word = text.decode(errors="surrogateescape").removesuffix("\n")
    if word == "max":
        return None
    (size,) = numbers([word], path, word)
    return None if size >= _NO_LIMIT else size
