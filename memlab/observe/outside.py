"""Memory that no mapping shows: the process's memory cgroup, System V objects, what it wrote, slabs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from memlab.errors import Denied, Gone, Unsupported
from memlab.observe.new_files import NewFiles
from memlab.observe.pace import Pace
from memlab.procfs import cgroup
from memlab.procfs.host import Host, Tee

# the fill of the group, and who is in it, by cgroup version
_GROUP_FILES = {
    1: ("memory.stat", "memory.usage_in_bytes", "memory.kmem.usage_in_bytes", "cgroup.procs"),
    2: ("memory.stat", "memory.current", "cgroup.procs"),
}
# where shm_open(3) makes its names (glibc and musl: sysdeps/posix/shm-directory.h)
SHM_FOLDER = "/dev/shm"
# slabinfo takes slab_mutex and walks all caches of the machine (mm/slab_common.c): seldom
_SLABS_EVERY = 5.0  # seconds
_LEAST = 0.4  # seconds: as often as descriptors, where these are few
MAX_MAPS = 64  # BPF maps whose fdinfo is read


class Outside:
    """Reads these beside the other surroundings of one process, and between: they are cheap, however much it holds.

    `places` are the tmpfs mounts whose fill is asked for, and what files are new on them.

    Where the group is and which namespaces the process is in is asked once: who moves to another group
    while it is watched keeps the first. System V objects and tmpfs are seen in our own namespaces, and so they are
    read only of a process that shares them.
    """

    def __init__(self, pid: int, host: Host) -> None:
        self._pid = pid
        self._pace, self._slabs = Pace(1.0, _LEAST), Pace(1.0, _SLABS_EVERY)
        self._files = Pace(1.0, _LEAST)
        self.places: list[str] = []
        self._new_files: dict[str, NewFiles] = {}
        self._group: tuple[str, int] | None = None
        with suppress(Denied, Gone, Unsupported):
            self._group = cgroup.memory_folder(host, pid)
        self._same_ipc = same_namespace(pid, "ipc")
        self._same_mounts = same_namespace(pid, "mnt")

    def spend(self, share: float) -> None:
        """So much of a core from now on."""
        self._pace.share, self._files.share, self._slabs.share = (
            share * 0.3,
            share * 0.6,
            share * 0.1,
        )

    def due(self, now: float) -> bool:
        """Whether it is time for another look."""
        return self._pace.due(now)

    def look(self, tee: Tee, must: bool = False) -> None:
        """One look; `must` reads the slabs too, whenever they were read last. What is refused the Tee keeps."""
        cpu = time.thread_time()
        allowed(partial(tee.read, f"/proc/{self._pid}/io"))
        if self._group is not None:
            look_at_group(tee, *self._group)
        if self._same_ipc:
            for name in ("shm", "msg"):
                allowed(partial(tee.read, f"/proc/sysvipc/{name}"))
        if self._same_mounts:
            for place in self.places:
                allowed(partial(tee.statvfs, place))
            allowed(partial(tee.listdir, SHM_FOLDER))
        look_at_bpf_maps(tee, self._pid)
        now = time.monotonic()
        self._pace.done(now, time.thread_time() - cpu)
        if self._same_mounts and self._files.due(now):
            cpu = time.thread_time()
            for call in [c for c in tee.texts.calls if c.kind == "statvfs" and c.error is None]:
                known = self._new_files.setdefault(call.path, NewFiles(call.path))
                known.look(tee, call.result)
            self._files.done(now, time.thread_time() - cpu)
        if os.geteuid() == 0 and (must or self._slabs.due(now)):
            cpu = time.thread_time()
            allowed(partial(tee.read, "/proc/slabinfo"))
            self._slabs.done(now, time.thread_time() - cpu)


def look_at_group(tee: Tee, folder: str, version: int) -> None:
    """The fill of a memory cgroup, and who is in it; where it is says `cgroup.memory_folder`."""
    allowed(partial(tee.stat, folder))  # its links: 2, and one for each group below
    for name in _GROUP_FILES[version]:
        allowed(partial(tee.read, f"{folder}/{name}"))


def look_at_bpf_maps(tee: Tee, pid: int) -> None:
    """Behind the descriptors that were read before; fdinfo says what a map takes (bpf_map_show_fdinfo)."""
    own = f"/proc/{pid}/fd/"
    maps = [
        call.path.rpartition("/")[2]
        for call in tee.texts.calls
        if call.kind == "readlink"
        and call.result == "anon_inode:bpf-map"
        and call.path.startswith(own)
    ]
    for number in maps[-MAX_MAPS:]:
        allowed(partial(tee.read, f"/proc/{pid}/fdinfo/{number}"))


def same_namespace(pid: int, kind: str) -> bool:
    """Whether a process shares this namespace (`mnt`, `ipc`) with us; False where it may not be known."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}")
    except OSError:
        return False


def allowed(read: Callable[[], object]) -> None:
    """Read what may be read; what is refused the Tee keeps."""
    with suppress(Denied, Gone, Unsupported):
        read()
