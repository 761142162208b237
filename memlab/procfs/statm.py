"""/proc/PID/statm: sizes in pages, made bytes here (fs/proc/array.c, proc_pid_statm; proc.rst)."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import numbers, only_line
from memlab.procfs.host import Host
from memlab.units import PAGE_BYTES


@dataclass(frozen=True)
class Statm:
    """All in bytes. Two fields are 0 since Linux 2.6: lib, which is left out, and dt (dirty pages, nDRT).

    size: all mappings (top's VIRT, VmSize); resident: in memory (RES; RssAnon + RssFile +
    RssShmem, counted per CPU and added up late); shared: resident file and shmem pages (SHR);
    text: the program's code (CODE); data: private writable mappings and stack (DATA).
    """

    size: int
    resident: int
    shared: int
    text: int
    data: int
    dt: int = 0


def parse(text: bytes, path: str = "statm", page_bytes: int = PAGE_BYTES) -> Statm:
    """Seven numbers on a line."""
    line = only_line(text, path)
    pages = numbers(line.split(" "), path, line)
    if len(pages) != 7:
        raise Malformed(path, 1, line, f"has {len(pages)} fields, not 7")
    size, resident, shared, code, _lib, data, dt = (_counted(n) * page_bytes for n in pages)
    return Statm(size, resident, shared, code, data, dt)


def _counted(pages: int) -> int:
    """A sum of per-CPU counts may be caught below zero, and kernels before 3.4 print it unsigned.

    Zero is what later kernels say then (linux/mm.h, get_mm_counter).
    """
    return 0 if pages >= 1 << 63 else pages


def read(host: Host, pid: int | str) -> Statm:
    """Read it; the cheapest of all (about 1 us in the kernel), and may be read of every process."""
    path = f"/proc/{pid}/statm"
    return parse(host.read(path), path, host.page_bytes)
