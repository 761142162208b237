"""/proc/PID/maps: the mappings of a process, one line each (fs/proc/task_mmu.c, show_map_vma; proc.rst)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from memlab.errors import Malformed
from memlab.procfs.fields import lines_of
from memlab.procfs.host import Host

# start-end perms offset major:minor inode, then blanks and whatever name there is
_TAIL = re.compile(r"([0-9a-f]{1,8}:[0-9a-f]{1,8}) ([0-9]{1,20})(?: +(.*))?", re.DOTALL)
_HEADER = re.compile(
    r"([0-9a-f]{1,16})-([0-9a-f]{1,16}) ([r-][w-][x-][ps]) ([0-9a-f]{1,16}) " + _TAIL.pattern,
    re.DOTALL,
)
_MOST = 1 << 64


@dataclass(frozen=True)
class Mapping:
    r"""One VMA (virtual memory area).

    start, end: addresses, end excluded; perms: r w x, p(rivate) or s(hared); offset: bytes into
    the file; device: "major:minor" in decimal, as stat(2) and mountinfo have it; inode; name: a
    path, [heap] and the like, or "" for anonymous memory. The kernel writes a newline in a
    path as the four characters `\012` and puts " (deleted)" behind a removed file.
    """

    start: int
    end: int
    perms: str
    offset: int
    device: str
    inode: int
    name: str

    @property
    def size(self) -> int:
        """Bytes of address space."""
        return self.end - self.start


Header = tuple[int, int, str, int, str, int, str]


def parse_header(line: str, path: str, number: int) -> Header:
    """The fields of Mapping from one line, of maps or of smaps; Malformed where it is none."""
    match = _HEADER.fullmatch(line)
    if match is None:
        raise Malformed(path, number, line, "is no mapping")
    low, high, perms, offset, device, inode_digits, name = match.groups()
    start, end, inode = int(low, 16), int(high, 16), int(inode_digits)
    if start >= end:
        raise Malformed(path, number, line, "ends before it starts")
    if inode >= _MOST:
        raise Malformed(path, number, line, "has an inode beyond 64 bits")
    return start, end, perms, int(offset, 16), _decimal(device), inode, name or ""


def parse_tail(tail: str) -> tuple[str, int, str]:
    """(device, inode, name) from what stands behind the offset; ValueError where it is none."""
    match = _TAIL.fullmatch(tail)
    if match is None:
        raise ValueError(tail)
    device, digits, name = match.groups()
    if int(digits) >= _MOST:
        raise ValueError(tail)
    return _decimal(device), int(digits), name or ""


@lru_cache(maxsize=1024)
def _decimal(device: str) -> str:
    """maps prints "fe:00" in hexadecimal, mountinfo and stat(2) speak decimal: "254:0"."""
    major, _, minor = device.partition(":")
    return f"{int(major, 16)}:{int(minor, 16)}"


def parse(text: bytes, path: str = "maps") -> tuple[Mapping, ...]:
    """All mappings, in the kernel's order: by address."""
    return tuple(Mapping(*parse_header(line, path, number)) for number, line in lines_of(text))


def read(host: Host, pid: int | str) -> tuple[Mapping, ...]:
    """Read it; Denied for the process of another user. Empty for kernel threads and zombies."""
    path = f"/proc/{pid}/maps"
    return parse(host.read(path), path)
