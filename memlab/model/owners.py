"""Who holds shared memory: every shmem object once, with the processes that have it open or mapped.

All of it is one kind of page (mm/shmem.c) and counts in meminfo's Shmem. Files of a tmpfs are told
apart by (device, inode). memfds, shared anonymous mappings and SysV segments are files of one hidden
mount of the kernel's (shm_mnt): one device, but the inode of a segment is its shmid, which may be
some memfd's inode too, and each IPC namespace counts its shmids from 0. So a segment is told by
(IPC namespace, shmid).
"""

from __future__ import annotations

import re
import stat as modes
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from memlab.model.machine import Line
from memlab.procfs.answers import FileStat
from memlab.procfs.fd import Fd
from memlab.procfs.maps import Mapping
from memlab.procfs.sysvipc_shm import Segment
from memlab.units import format_bytes

DELETED = " (deleted)"
# shm_open(3) takes names without a slash: a file in a folder of /dev/shm is a file like any other
_MADE_BY_SHM_OPEN = re.compile(r"(/proc/\d+/root)?/dev/shm/[^/]+", re.DOTALL)


class ObjectKind(StrEnum):
    """What an object is; the value is for people."""

    TMPFS = "tmpfs file"
    POSIX = "POSIX segment"
    SYSV = "SysV segment"
    MEMFD = "memfd"
    SHARED_ANONYMOUS = "shared anonymous"
    INTERNAL = "kernel object"


_PLURALS = {ObjectKind.SHARED_ANONYMOUS: "shared anonymous mappings"}


class State(StrEnum):
    """Who keeps it: a name alone, a holder, or a holder alone (deleted)."""

    HELD = "held"
    DELETED = "deleted, held"
    ORPHAN = "held by nobody"


# how the kernel names the files of its hidden mount in maps: mm/memfd.c, ipc/shm.c, mm/shmem.c
# (shmem_zero_setup), mm/madvise.c (a name given by prctl)
_HIDDEN_NAMES = (
    ("/memfd:", ObjectKind.MEMFD),
    ("/SYSV", ObjectKind.SYSV),
    ("/dev/zero" + DELETED, ObjectKind.SHARED_ANONYMOUS),
    ("[anon_shmem:", ObjectKind.SHARED_ANONYMOUS),
)


def hidden_kind(name: str) -> ObjectKind | None:
    """The kind of a file of the hidden mount, by its name in maps or fd; None for another name."""
    return next((kind for start, kind in _HIDDEN_NAMES if name.startswith(start)), None)


@dataclass(frozen=True)
class FoundFile:
    """A regular file that a walk met: path as we reach it, and its stat."""

    path: str
    stat: FileStat


@dataclass(frozen=True)
class Filesystem:
    """A tmpfs: device, where it was reached, bytes in use (None without a size limit), its files.

    `cut` is whether a bound ended the walk, `denied` how many folders may not be read, `hidden`
    that another mount lies over it so that nothing of it can be reached.
    """

    device: str
    place: str
    posix: bool
    used: int | None
    files: tuple[FoundFile, ...] = ()
    denied: int = 0
    cut: bool = False
    hidden: bool = False


@dataclass(frozen=True)
class MappedFile:
    """A mapping of shmem, and its file's stat where the kernel gave it (map_files needs root).

    pss is None unless it was asked for because stat is lacking.
    """

    mapping: Mapping
    stat: FileStat | None
    pss: int | None = None


@dataclass(frozen=True)
class Seen:
    """What one process has of shmem; ipc: its IPC namespace, "" where unknown."""

    pid: int
    comm: str
    ipc: str
    fds: tuple[Fd, ...]
    mappings: tuple[MappedFile, ...]


@dataclass(frozen=True)
class Gathered:
    """All that was seen, before anything is made of it.

    hidden: devices of the kernel's hidden shmem mount; ipc: our IPC namespace, to which the segments
    belong; shmem, swap_used: bytes by meminfo; remarks: what could not be seen, in sentences.
    """

    filesystems: tuple[Filesystem, ...]
    processes: tuple[Seen, ...]
    segments: tuple[Segment, ...]
    hidden: frozenset[str]
    ipc: str
    shmem: int | None
    swap_used: int
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Holder:
    """A process that has an object: its descriptors, and the bytes of address space that map it."""

    pid: int
    comm: str
    fds: tuple[int, ...]
    mapped: int


@dataclass(frozen=True)
class SharedObject:
    """One object. length: as its users see it; allocated: what it takes, in memory and swap (st_blocks).

    Where allocated is None, at_least is what the readable processes have mapped of it in memory.
    attached: all attachments of a SysV segment, seen or not; None for others.
    """

    kind: ObjectKind
    device: str
    inode: int
    name: str
    length: int | None
    allocated: int | None
    at_least: int
    named: bool
    attached: int | None
    holders: tuple[Holder, ...]

    @property
    def bytes(self) -> int:
        """What it takes, as far as we know."""
        return self.at_least if self.allocated is None else self.allocated

    @property
    def state(self) -> State:
        """Held by nobody that we see, or by whom; a segment's own count is believed."""
        if not (self.holders if self.attached is None else self.attached):
            return State.ORPHAN
        return State.HELD if self.named else State.DELETED


@dataclass(frozen=True)
class Owners:
    """objects: largest first; unseen: bytes of tmpfs mounts that no file we saw explains, by place.

    shmem: meminfo's; swap_used: bytes of swap in use; remarks: what could not be seen.
    """

    objects: tuple[SharedObject, ...]
    unseen: dict[str, int]
    shmem: int | None
    swap_used: int
    remarks: tuple[str, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """The ledger: a line a kind, its parts by state; what tmpfs holds beyond what we saw."""
        found = []
        for kind in ObjectKind:
            mine = [thing for thing in self.objects if thing.kind is kind]
            states = [(s, sum(o.bytes for o in mine if o.state is s)) for s in State]
            parts = tuple(Line(state.value, size) for state, size in states)
            found.append(
                Line(
                    f"{_PLURALS.get(kind, f'{kind}s')} ({len(mine)})",
                    sum(o.bytes for o in mine),
                    "",
                    parts,
                )
            )
        parts = tuple(Line(place, size) for place, size in self.unseen.items())
        whole = sum(self.unseen.values())
        return (*found, Line("in tmpfs, file not seen", whole, "statvfs - files", parts))

    @property
    def residual(self) -> int | None:
        """Shmem without all lines; below zero by what lies in swap."""
        return None if self.shmem is None else self.shmem - sum(o.bytes or 0 for o in self.lines)

    @property
    def clues(self) -> tuple[str, ...]:
        """What the residual may be, in sentences."""
        found = [
            "shmem in a socket's queue or a driver's hands (GPU buffers), "
            "in a tmpfs without a size limit or of a mount namespace that we may not enter, "
            "or of processes that we may not read"
        ]
        if self.swap_used:
            found.append(
                f"sizes count what lies in swap ({format_bytes(self.swap_used)} is used), Shmem does not"
            )
        return tuple(found)

    def of(self, pid: int) -> tuple[SharedObject, ...]:
        """What this process holds, largest first."""
        return tuple(o for o in self.objects if any(h.pid == pid for h in o.holders))


@dataclass
class _Building:
    """An object while it is put together."""

    kind: ObjectKind
    device: str
    inode: int
    name: str = ""
    stat: FileStat | None = None
    segment: Segment | None = None
    at_least: int = 0
    holders: dict[int, tuple[str, list[int], int]] = field(default_factory=dict)

    def hold(self, seen: Seen, fds: Iterable[int] = (), mapped: int = 0) -> None:
        comm, numbers, size = self.holders.get(seen.pid, (seen.comm, [], 0))
        self.holders[seen.pid] = (comm, [*numbers, *fds], size + mapped)

    def done(self) -> SharedObject:
        holders = tuple(Holder(p, c, tuple(n), m) for p, (c, n, m) in sorted(self.holders.items()))
        length = self.stat.size_bytes if self.stat else None
        allocated = self.stat.allocated_bytes if self.stat else None
        named, attached = bool(self.stat and self.stat.links), None
        if self.segment is not None:
            length, attached = self.segment.size, self.segment.nattch
            named = not self.segment.removed
            if self.segment.rss is not None:
                allocated = self.segment.rss + (self.segment.swap or 0)
        elif self.kind not in (ObjectKind.TMPFS, ObjectKind.POSIX):
            named = True  # these never had a name to lose
        return SharedObject(
            self.kind, self.device, self.inode, self.name, length, allocated, self.at_least, named, attached, holders
        )  # fmt: skip


Key = tuple[str, str, int]


class _Table:
    """Objects by key, filled from all sides."""

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self._places = {system.device: system for system in gathered.filesystems}
        self.objects: dict[Key, _Building] = {}

    def entry(self, device: str, inode: int, name: str, ipc: str = "") -> _Building | None:
        """The object of this identity, made when it is new; None for what is no shmem."""
        kind: ObjectKind | None
        if device in self._gathered.hidden:
            kind = hidden_kind(name) or ObjectKind.INTERNAL
        elif device in self._places:
            posix = self._places[device].posix and _MADE_BY_SHM_OPEN.fullmatch(name)
            kind = ObjectKind.POSIX if posix else ObjectKind.TMPFS
        else:
            return None
        key = ("sysv:" + ipc, "", inode) if kind is ObjectKind.SYSV else ("", device, inode)
        if key not in self.objects:
            self.objects[key] = _Building(kind, device, inode, name)
        return self.objects[key]

    def add_segment(self, segment: Segment) -> None:
        """A SysV segment of our own IPC namespace, attached or not."""
        key = ("sysv:" + self._gathered.ipc, "", segment.shmid)
        device = next(iter(sorted(self._gathered.hidden)), "")
        name = f"key 0x{segment.key & 0xFFFFFFFF:08x}, shmid {segment.shmid}"
        self.objects[key] = _Building(ObjectKind.SYSV, device, segment.shmid, name, segment=segment)

    def add_file(self, found: FoundFile) -> None:
        """A file with a name."""
        entry = self.entry(found.stat.device, found.stat.inode, found.path)
        if entry is not None:
            entry.stat = found.stat

    def add_process(self, seen: Seen) -> None:
        """What a process has open and mapped."""
        for one in seen.fds:
            if one.stat is None or not modes.S_ISREG(one.stat.mode):
                continue
            entry = self.entry(one.stat.device, one.stat.inode, one.target, seen.ipc)
            if entry is not None:
                entry.stat = entry.stat or one.stat
                entry.hold(seen, fds=[one.number])
        for mapped in seen.mappings:
            if mapped.stat is not None and not modes.S_ISREG(mapped.stat.mode):
                continue
            mapping = mapped.mapping
            entry = self.entry(mapping.device, mapping.inode, mapping.name, seen.ipc)
            if entry is not None:
                entry.stat = entry.stat or mapped.stat
                entry.at_least += mapped.pss or 0
                entry.hold(seen, mapped=mapping.size)


def owners(gathered: Gathered) -> Owners:
    """Every object once, with all its holders."""
    table = _Table(gathered)
    for segment in gathered.segments:
        table.add_segment(segment)
    for system in gathered.filesystems:
        for found in system.files:
            table.add_file(found)
    for seen in gathered.processes:
        table.add_process(seen)
    objects = sorted((b.done() for b in table.objects.values()), key=lambda o: (-o.bytes, o.name))
    unseen: dict[str, int] = {}
    for system in gathered.filesystems:
        if system.used is not None:
            left = system.used - sum(
                o.bytes
                for o in objects
                if o.device == system.device and o.kind is not ObjectKind.SYSV
            )
            if left:
                unseen[system.place] = unseen.get(system.place, 0) + left
    return Owners(tuple(objects), unseen, gathered.shmem, gathered.swap_used, gathered.remarks)
