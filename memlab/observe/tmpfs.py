"""The tmpfs file systems that we may reach, in every mount namespace, and the files on them."""

from __future__ import annotations

import stat as modes
from collections.abc import Iterator
from dataclasses import dataclass

from memlab.errors import Denied, Gone, MemlabError, Unsupported
from memlab.model.owners import Filesystem, FoundFile
from memlab.procfs import mountinfo
from memlab.procfs.host import FileStat, Host
from memlab.procfs.mountinfo import Mount

# devtmpfs is made of the same pages (drivers/base/devtmpfs.c with CONFIG_TMPFS); ramfs is not
_SHMEM_FILE_SYSTEMS = ("tmpfs", "devtmpfs")
_Place = tuple[str, Mount]


@dataclass
class _Walk:
    """How far a walk over all mounts may still go."""

    left: int


def filesystems(host: Host, pids: tuple[int, ...], limit: int) -> tuple[Filesystem, ...]:
    """Each tmpfs once, by device, with up to `limit` files in all.

    `pids` are asked for mount namespaces other than ours, through /proc/PID/root.
    """
    places: dict[str, list[_Place]] = {}
    for root, mount in _mounts(host, pids):
        if mount.fs_type in _SHMEM_FILE_SYSTEMS:
            places.setdefault(mount.device, []).append((root, mount))
    walk = _Walk(limit)
    return tuple(_filesystem(host, places[device], walk) for device in places)


def _mounts(host: Host, pids: tuple[int, ...]) -> Iterator[_Place]:
    """(folder to put before the mount point, mount) of our namespace, then of others."""
    for mount in mountinfo.read(host, "self"):
        yield "", mount
    known = {_namespace(host, "self")}
    for pid in pids:
        space = _namespace(host, pid)
        if space in known or not space:
            continue
        try:
            mounts = mountinfo.read(host, pid)
        except MemlabError:
            continue
        known.add(space)
        for mount in mounts:
            yield f"/proc/{pid}/root", mount


def _namespace(host: Host, pid: int | str) -> str:
    try:
        return host.readlink(f"/proc/{pid}/ns/mnt")
    except MemlabError:
        return ""


def _filesystem(host: Host, places: list[_Place], walk: _Walk) -> Filesystem:
    """Walk the places that show this file system, until one showed all of it."""
    places = sorted(places, key=lambda place: place[1].root != "/")
    device = places[0][1].device
    posix = any(mount.mount_point == "/dev/shm" for _, mount in places)
    files: dict[int, FoundFile] = {}
    reached, used, denied, cut = "", None, 0, False
    for root, mount in places:
        top = (root + mount.mount_point).rstrip("/") or "/"
        if not _shows(host, top, device):
            continue
        if not reached:
            reached, used = top, _used(host, top)
        tree = _Tree(host, device, walk)
        tree.enter(top)
        files |= tree.files
        denied, cut = denied + tree.denied, cut or tree.cut
        if mount.root == "/":
            break
    place = reached or places[0][0] + places[0][1].mount_point
    return Filesystem(
        device, place, posix, used, tuple(files.values()), denied, cut, hidden=not reached
    )


def _shows(host: Host, top: str, device: str) -> bool:
    """Whether this mount point shows this file system, and not one that was mounted over it."""
    try:
        return host.stat(top).device == device
    except MemlabError:
        return False


def _used(host: Host, top: str) -> int | None:
    """Bytes that all its files take, whoever may see them; a tmpfs without a limit does not count."""
    try:
        found = host.statvfs(top)
    except MemlabError:
        return None
    return found.used_bytes if found.blocks else None


class _Tree:
    """A walk over one tmpfs: stays on it, follows no link, meets each folder once."""

    def __init__(self, host: Host, device: str, walk: _Walk) -> None:
        self._host, self._device, self._walk = host, device, walk
        self._entered: set[int] = set()
        self.files: dict[int, FoundFile] = {}
        self.denied = 0
        self.cut = False

    def enter(self, top: str) -> None:
        """Go through all folders below."""
        folders = [top]
        while folders:
            folder = folders.pop()
            try:
                names = self._host.listdir(folder)
            except Denied:
                self.denied += 1
                continue
            except (Gone, Unsupported):
                continue
            for name in names:
                if self._walk.left == 0:
                    self.cut = True
                    return
                self._walk.left -= 1
                path = f"{folder.rstrip('/')}/{name}"
                found = self._stat(path)
                if found is None or found.device != self._device:
                    continue
                if modes.S_ISREG(found.mode):
                    self.files[found.inode] = FoundFile(path, found)
                elif modes.S_ISDIR(found.mode) and found.inode not in self._entered:
                    self._entered.add(found.inode)
                    folders.append(path)

    def _stat(self, path: str) -> FileStat | None:
        """None for links: they may lead to where a look never returns from (a dead NFS server)."""
        try:
            self._host.readlink(path)
            return None
        except Unsupported:
            pass  # EINVAL: it is no link
        except MemlabError:
            self.denied += 1
            return None
        try:
            return self._host.stat(path)
        except MemlabError:
            return None
