"""What a pasted text is: recognised by what stands in it, never by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memlab.observe.pasted import free, oom, pidstat, pmap, proc, ps, slabtop, strace, top
from memlab.observe.pasted.taken import Taken

Lines = list[str]


@dataclass(frozen=True)
class Kind:
    """A name for people, what it looks like, and how it is read (with the pid that is wanted).

    repeats: looks that were saved in several files are read as if they stood in one. of_many: a look at
    many processes, of which only all looks together tell which one grew.
    """

    name: str
    looks_like: Callable[[Lines], bool]
    read: Callable[[Lines, int | None], Taken]
    repeats: bool = False
    of_many: bool = False


def _any_pid(read: Callable[[Lines], Taken]) -> Callable[[Lines, int | None], Taken]:
    return lambda lines, _pid: read(lines)


# the more special first: a line of smaps may stand in no other text, "Mem:" stands in top as well
KINDS = (
    Kind("smaps_rollup", proc.is_rollup, _any_pid(proc.read_rollup), repeats=True),
    Kind("smaps", proc.is_smaps, _any_pid(proc.read_smaps), repeats=True),
    Kind("maps", proc.is_maps, _any_pid(proc.read_maps), repeats=True),
    Kind("status", proc.is_status, proc.read_status, repeats=True),
    Kind("meminfo", proc.is_meminfo, _any_pid(proc.read_meminfo), repeats=True),
    Kind("slabinfo", proc.is_slabinfo, _any_pid(proc.read_slabinfo)),
    Kind("an OOM report", oom.looks_like, oom.read),
    Kind("pidstat -r", pidstat.looks_like, pidstat.read),
    Kind("top -b", top.looks_like, top.read),
    Kind("strace", strace.looks_like, strace.read),
    Kind("pmap", pmap.looks_like, pmap.read, repeats=True),
    Kind("slabtop", slabtop.looks_like, _any_pid(slabtop.read)),
    Kind("ps", ps.looks_like, ps.read, of_many=True),
    Kind("free", free.looks_like, _any_pid(free.read), repeats=True),
)


def kind_of(lines: Lines) -> Kind | None:
    """The first that it looks like; None for what nobody here knows."""
    return next((kind for kind in KINDS if kind.looks_like(lines)), None)
