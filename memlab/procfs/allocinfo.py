"""/proc/allocinfo: memory by the line of the kernel that asked for it (lib/alloc_tag.c; mm/allocation-profiling.rst).

Linux 6.10 with CONFIG_MEM_ALLOC_PROFILING, and sysctl.vm.mem_profiling=1 (or at boot). Root only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memlab.errors import Malformed, Unsupported
from memlab.procfs.fields import lines_of
from memlab.procfs.host import Host

_VERSION = re.compile(r"allocinfo - version: ([0-9]{1,3}\.[0-9]{1,3})")
_LINE = re.compile(
    r" *(-?[0-9]{1,19}) +([0-9]{1,20}) ([^ ]+):([0-9]{1,7})(?: \[([^] ]+)\])? func:([^ ]+)( .*)?"
)


@dataclass(frozen=True)
class Site:
    """One place in the kernel's source. size: bytes that are allocated there now (freeing of what
    was allocated before profiling began may take it below 0); calls: allocations that make it;
    file, line, function: where; module: None for the kernel itself; rest: what newer kernels say
    behind it ("accurate:no").
    """

    size: int
    calls: int
    file: str
    line: int
    function: str
    module: str | None
    rest: str = ""


@dataclass(frozen=True)
class Allocinfo:
    """version of the format ("1.0"); sites in the kernel's order, those with nothing too."""

    version: str
    sites: tuple[Site, ...]


def parse(text: bytes, path: str = "allocinfo") -> Allocinfo:
    """A line with the version, one with the columns, then `size calls file:line [module] func:name`."""
    lines = lines_of(text)
    number, line = next(lines, (1, ""))
    version = _VERSION.fullmatch(line)
    if version is None:
        raise Malformed(path, number, line, "is no version of allocinfo")
    sites = []
    for number, line in lines:
        if line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise Malformed(path, number, line, "is no place of allocation")
        size, calls, file, place, module, function, rest = match.groups()
        sites.append(
            Site(int(size), int(calls), file, int(place), function, module, (rest or "").strip())
        )
    return Allocinfo(version[1], tuple(sites))


def read(host: Host) -> Allocinfo:
    """Read the machine's; Denied but for root."""
    try:
        return parse(host.read("/proc/allocinfo"), "/proc/allocinfo")
    except Unsupported as error:
        hint = "it came with Linux 6.10, for kernels built with CONFIG_MEM_ALLOC_PROFILING"
        raise Unsupported(error.message, hint) from None
