"""/proc/PID/fd: the open descriptors and what they hold (fs/proc/fd.c; proc.rst, proc_pid_fd(5))."""

from __future__ import annotations

import stat as modes
from dataclasses import dataclass

from memlab.errors import Denied, Gone, Unsupported
from memlab.procfs.host import FileStat, Host

_DELETED = " (deleted)"
_KINDS = ("pipe", "socket", "anon_inode")


@dataclass(frozen=True)
class Fd:
    """One descriptor. target: what readlink says ("/path", "/path (deleted)", "pipe:[5]",
    "socket:[6]", "anon_inode:[eventfd]", "/memfd:name (deleted)"); stat: None where it went
    away, or may not be looked at.
    """

    number: int
    target: str
    stat: FileStat | None

    @property
    def kind(self) -> str:
        """One of file, deleted (a file without a name), memfd, folder, device, pipe, socket,
        anon_inode, other (namespaces and what may come).
        """
        before, colon, _ = self.target.partition(":")
        if colon and before in _KINDS:
            return before
        if not self.target.startswith("/"):
            return "other"
        # only a file whose links are gone is removed: a living one may be called "x (deleted)"
        named = self.stat.links > 0 if self.stat else not self.target.endswith(_DELETED)
        if self.target.startswith("/memfd:") and not named:
            return "memfd"
        return self._kind_by_mode() if named else "deleted"

    def _kind_by_mode(self) -> str:
        mode = self.stat.mode if self.stat else modes.S_IFREG
        if modes.S_ISCHR(mode) or modes.S_ISBLK(mode):
            return "device"
        if modes.S_ISDIR(mode):
            return "folder"
        if modes.S_ISFIFO(mode):
            return "pipe"
        return "file"


def numbers(host: Host, pid: int | str) -> tuple[int, ...]:
    """The numbers of all open descriptors; Denied for another user's process."""
    return tuple(sorted(int(name) for name in host.listdir(f"/proc/{pid}/fd") if _is_number(name)))


def count(host: Host, pid: int | str) -> int:
    """How many are open: what stat(2) gives as the size of the folder (Linux 6.2), else its names.

    The size may be asked of every process, the names not: Denied.
    """
    return host.stat(f"/proc/{pid}/fd").size_bytes or len(numbers(host, pid))


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) <= 10


def read(host: Host, pid: int | str, limit: int | None = None) -> tuple[Fd, ...]:
    """The descriptors, by number; the first `limit` of them. Denied for another user's process.

    A descriptor that closes between two looks is left out: that is no error. Costs two system
    calls a descriptor.
    """
    found = []
    for number in numbers(host, pid)[:limit]:
        path = f"/proc/{pid}/fd/{number}"
        try:
            target = host.readlink(path)
        except (Gone, Unsupported):
            continue
        found.append(Fd(number, target, _stat(host, path)))
    return tuple(found)


def _stat(host: Host, path: str) -> FileStat | None:
    try:
        return host.stat(path)
    except (Denied, Gone, Unsupported):
        return None
