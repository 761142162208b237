"""/proc/PID/fd: the open descriptors and what they hold (fs/proc/fd.c; proc.rst)."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Denied, Gone, Unsupported
from memlab.procfs.host import FileStat, Host


@dataclass(frozen=True)
class Fd:
    """One descriptor. target: what readlink says ("/path", "/path (deleted)", "pipe:[5]",
    "socket:[6]", "anon_inode:[eventfd]", "/memfd:name (deleted)"); stat: None where it went away.
    """

    number: int
    target: str
    stat: FileStat | None


def read(host: Host, pid: int, limit: int | None = None) -> tuple[Fd, ...]:
    """The descriptors, by number; the first `limit` of them. Denied for another user's process.

    A descriptor that closes between two looks is left out: that is no error.
    """
    folder = f"/proc/{pid}/fd"
    found = []
    for name in sorted(host.listdir(folder), key=int)[:limit]:
        try:
            target = host.readlink(f"{folder}/{name}")
        except (Gone, Unsupported):
            continue
        found.append(Fd(int(name), target, _stat(host, f"{folder}/{name}")))
    return tuple(found)


def _stat(host: Host, path: str) -> FileStat | None:
    try:
        return host.stat(path)
    except (Denied, Gone, Unsupported):
        return None
