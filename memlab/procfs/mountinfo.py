"""/proc/PID/mountinfo: what is mounted where (fs/proc_namespace.c, show_mountinfo; proc.rst 3.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.host import Host

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """One mount. `device` is "major:minor"; names have their octal escapes undone.

    root: the folder of the file system that is mounted; mount_point: where, seen from the
    process's root; options: of this mount; fs_type; source; super_options: of the file system.
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


def parse(text: bytes, path: str = "mountinfo") -> tuple[Mount, ...]:
    """One mount a line; optional fields end at a lone '-'."""
    mounts = []
    for number, line in enumerate(text.decode(errors="surrogateescape").splitlines(), 1):
        left, dash, right = line.partition(" - ")
        fields, filesystem = left.split(" "), right.split(" ")
        if (
            not dash
            or len(fields) < 6
            or len(filesystem) < 3
            or not (fields[0].isdecimal() and fields[1].isdecimal())
        ):
            raise Malformed(path, number, line, "is no mount")
        mounts.append(
            Mount(
                mount_id=int(fields[0]),
                parent_id=int(fields[1]),
                device=fields[2],
                root=_plain(fields[3]),
                mount_point=_plain(fields[4]),
                options=frozenset(fields[5].split(",")),
                fs_type=filesystem[0],
                source=_plain(filesystem[1]),
                super_options=frozenset(filesystem[2].split(",")),
            )
        )
    return tuple(mounts)


def _plain(name: str) -> str:
    """Space, tab, newline and backslash are written as three octal digits."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), name)


def read(host: Host, pid: int | str = "self") -> tuple[Mount, ...]:
    """The mounts in the process's mount namespace."""
    path = f"/proc/{pid}/mountinfo"
    return parse(host.read(path), path)
