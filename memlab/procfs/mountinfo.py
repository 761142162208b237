"""/proc/PID/mountinfo: what is mounted where (fs/proc_namespace.c, show_mountinfo; proc.rst 3.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from memlab.errors import Malformed
from memlab.procfs.fields import unescaped
from memlab.procfs.host import Host

_IDS = re.compile(rb"[0-9]{1,10}")
_DEVICE = re.compile(rb"[0-9]{1,10}:[0-9]{1,10}")


@dataclass(frozen=True)
class Mount:
    """One mount; names have their octal escapes undone.

    device: "major:minor" in decimal; root: the folder of the file system that is mounted (not
    "/" for bind mounts); mount_point: where, seen from the process's root; options: of this
    mount; fs_type; source; super_options: of the file system.
    """

    mount_id: int
    parent_id: int
    device: str
    root: str
    mount_point: str
    options: frozenset[str]
    fs_type: str
    source: str
    super_options: frozenset[str]

    @property
    def is_tmpfs(self) -> bool:
        """Whether its files are memory: devtmpfs and ramfs too, but those have no limit."""
        return self.fs_type == "tmpfs"


@lru_cache(maxsize=8)
def parse(text: bytes, path: str = "mountinfo") -> tuple[Mount, ...]:
    """One mount a line; optional fields end at a lone '-'.

    Every look around reads this and it hardly ever changes, while taking it apart is the half of such a look.
    """
    lines = enumerate(text.split(b"\n"), 1)
    return tuple(_mount(line, path, number) for number, line in lines if line)


def _mount(line: bytes, path: str, number: int) -> Mount:
    left, dash, right = line.partition(b" - ")
    # a mount of an empty root (nsfs and old rootfs) leaves two blanks: they part fields too
    fields, filesystem = left.split(), right.split(b" ")
    if (
        not dash
        or len(fields) < 6
        or len(filesystem) < 3
        or not (_IDS.fullmatch(fields[0]) and _IDS.fullmatch(fields[1]))
        or not _DEVICE.fullmatch(fields[2])
    ):
        raise Malformed(path, number, line.decode(errors="replace"), "is no mount")
    return Mount(
        mount_id=int(fields[0]),
        parent_id=int(fields[1]),
        device=fields[2].decode(),
        root=_plain(fields[3]),
        mount_point=_plain(fields[4]),
        options=_options(fields[5]),
        fs_type=_plain(filesystem[0]),
        source=_plain(filesystem[1]),
        super_options=_options(filesystem[2]),
    )


def _plain(name: bytes) -> str:
    return unescaped(name.decode(errors="surrogateescape"))


def _options(text: bytes) -> frozenset[str]:
    return frozenset(_plain(option) for option in text.split(b","))


def read(host: Host, pid: int | str = "self") -> tuple[Mount, ...]:
    """The mounts in the process's mount namespace; Unsupported for a zombie."""
    path = f"/proc/{pid}/mountinfo"
    return parse(host.read(path), path)
