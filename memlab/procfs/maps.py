"""/proc/PID/maps: the mappings of a process, one line each (fs/proc/task_mmu.c, show_map_vma; proc.rst)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.host import Host

# start-end perms offset major:minor inode, then blanks and whatever name there is
HEADER = re.compile(
    r"([0-9a-f]+)-([0-9a-f]+) ([r-][w-][x-][ps]) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+)(?: +(.*))?"
)


@dataclass(frozen=True)
class Mapping:
    r"""One VMA. start, end: addresses, end excluded; perms: r w x, p(rivate) or s(hared);
    offset: bytes into the file; device: "major:minor" in decimal, as stat(2) has it; inode;
    name: a path, [heap] and the like, or "" for anonymous memory. A newline in a path is `\012`,
    and a removed file ends in " (deleted)".
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


def parse_header(line: str, path: str, number: int) -> Mapping:
    """One header line, of maps or of smaps; Malformed where it is none."""
    match = HEADER.fullmatch(line)
    if match is None:
        raise Malformed(path, number, line, "is no mapping")
    start, end, perms, offset, device, inode, name = match.groups()
    if int(start, 16) >= int(end, 16):
        raise Malformed(path, number, line, "ends before it starts")
    return Mapping(
        int(start, 16),
        int(end, 16),
        perms,
        int(offset, 16),
        decimal_device(device),
        int(inode),
        name or "",
    )


def decimal_device(device: str) -> str:
    """maps prints "fe:00" in hexadecimal, mountinfo and stat(2) speak decimal: "254:0"."""
    major, _, minor = device.partition(":")
    return f"{int(major, 16)}:{int(minor, 16)}"


def parse(text: bytes, path: str = "maps") -> tuple[Mapping, ...]:
    """All mappings, in order of address."""
    lines = text.decode(errors="surrogateescape").split("\n")
    return tuple(parse_header(line, path, n) for n, line in enumerate(lines, 1) if line)


def read(host: Host, pid: int) -> tuple[Mapping, ...]:
    """Read it; Denied for the process of another user. Empty for kernel threads and zombies."""
    path = f"/proc/{pid}/maps"
    return parse(host.read(path), path)
