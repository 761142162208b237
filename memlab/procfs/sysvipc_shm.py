"""/proc/sysvipc/shm: the System V shared memory segments (ipc/shm.c, sysvipc_shm_proc_show; shmctl(2))."""

from __future__ import annotations

from dataclasses import dataclass, field

from memlab.errors import Malformed
from memlab.procfs.host import Host
from memlab.procfs.sysvipc import rows

# ipc/shm.c keeps its own flag above the permission bits of `perms` (linux/shm.h)
_REMOVED = 0o1000


@dataclass(frozen=True)
class Segment:
    """One segment; sizes in bytes, times in seconds since the epoch (0: never).

    key: the name programs agree on, 0 for IPC_PRIVATE and for a removed one; shmid: its id, and
    the inode that maps shows; perms: permission bits, and 01000 when removed (it goes with the
    last detachment), 02000 when locked; size: as asked for; cpid, lpid: who made it, who
    attached or detached last; nattch: attachments now; uid, gid, cuid, cgid: owner and creator;
    atime, dtime, ctime: last attached, detached, changed; rss, swap: what it takes in memory and
    in swap (2.6.34). Names of this reader's IPC namespace only; nothing here tells a segment of
    huge pages, whose rss is no part of meminfo's Shmem.
    """

    key: int
    shmid: int
    perms: int
    size: int
    cpid: int
    lpid: int
    nattch: int
    uid: int
    gid: int
    cuid: int
    cgid: int
    atime: int
    dtime: int
    ctime: int
    rss: int | None = None
    swap: int | None = None
    unknown: dict[str, int] = field(default_factory=dict)

    @property
    def removed(self) -> bool:
        """Whether it was removed (IPC_RMID) and lives only as long as it is attached."""
        return bool(self.perms & _REMOVED)


_KNOWN = frozenset(Segment.__dataclass_fields__) - {"unknown"}


def parse(text: bytes, path: str = "sysvipc/shm") -> tuple[Segment, ...]:
    """A line of names, then a line a segment; Malformed where a column is missing."""
    try:
        return tuple(Segment(**row) for row in rows(text, path, _KNOWN))
    except TypeError:
        raise Malformed(path, 1, "", "lacks a column") from None


def read(host: Host) -> tuple[Segment, ...]:
    """Read it; Unsupported where the kernel has no System V IPC."""
    return parse(host.read("/proc/sysvipc/shm"), "/proc/sysvipc/shm")
