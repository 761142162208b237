"""/proc/PID/statm: sizes in pages, made bytes here (fs/proc/array.c, proc_pid_statm; proc.rst)."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import whole
from memlab.procfs.host import Host
from memlab.units import PAGE_BYTES


@dataclass(frozen=True)
class Statm:
    """All in bytes. The two fields that are dead since Linux 2.6 (lib, dt) are left out.

    size: all mappings (top's VIRT, VmSize); resident: in memory (RES, RssAnon + RssFile +
    RssShmem); shared: resident file and shmem pages (SHR); text: the program's code (CODE);
    data: private writable mappings and stack (DATA).
    """

    size: int
    resident: int
    shared: int
    text: int
    data: int


def parse(text: bytes, path: str = "statm", page_bytes: int = PAGE_BYTES) -> Statm:
    """Seven numbers on a line."""
    line = text.decode(errors="replace").strip()
    values = whole(line.split(), path, line)
    if len(values) != 7:
        raise Malformed(path, 1, line, f"has {len(values)} fields, not 7")
    size, resident, shared, code, _lib, data, _dirty = (value * page_bytes for value in values)
    return Statm(size, resident, shared, code, data)


def read(host: Host, pid: int) -> Statm:
    """Read it; the cheapest of all (about 1 us)."""
    path = f"/proc/{pid}/statm"
    return parse(host.read(path), path)
