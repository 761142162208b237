"""/proc/PID/io: what a process has read and written so far (fs/proc/base.c, do_io_accounting; proc.rst 3.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from memlab.errors import Malformed
from memlab.procfs.fields import entries, snake
from memlab.procfs.host import Host


@dataclass(frozen=True)
class Io:
    """Bytes, but for syscr and syscw.

    rchar, wchar: through read and write calls, page cache included; syscr, syscw: how many
    such calls; read_bytes, write_bytes: from and to a disk; cancelled_write_bytes: written
    and truncated before it reached the disk.
    """

    rchar: int
    wchar: int
    syscr: int
    syscw: int
    read_bytes: int | None = None
    write_bytes: int | None = None
    cancelled_write_bytes: int | None = None
    unknown: dict[str, int] = field(default_factory=dict)


_KNOWN = frozenset(Io.__dataclass_fields__) - {"unknown"}


def parse(text: bytes, path: str = "io") -> Io:
    """Lines of `name: number`."""
    values: dict[str, int] = {}
    unknown: dict[str, int] = {}
    for entry in entries(text, path):
        name, found = snake(entry.key), entry.wholes()
        if len(found) != 1 or name in values or name in unknown:
            raise entry.malformed("is no single number, or there twice")
        (values if name in _KNOWN else unknown)[name] = found[0]
    if not {"rchar", "wchar", "syscr", "syscw"} <= values.keys():
        raise Malformed(path, 0, "", "is cut, or no io")
    return Io(**values, unknown=unknown)


def read(host: Host, pid: int | str) -> Io:
    """Read it; Denied for the process of another user."""
    path = f"/proc/{pid}/io"
    return parse(host.read(path), path)
