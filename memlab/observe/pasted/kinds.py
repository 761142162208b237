"""What a pasted text is: recognised by what stands in it, never by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memlab.observe.pasted import free, oom, pidstat, pmap, proc, slabtop, strace, top
from memlab.observe.pasted.taken import Taken

Lines = list[str]


@dataclass(frozen=True)
class Kind:
    """A name for people, what it looks like, and how it is read (with the pid that is wanted)."""

    name: str
    looks_like: Callable[[Lines], bool]
    read: Callable[[Lines, int | None], Taken]


def _any_pid(read: Callable[[Lines], Taken]) -> Callable[[Lines, int | None], Taken]:
    return lambda lines, _pid: read(lines)


# the more special first: a line of smaps may stand in no other text, "Mem:" stands in top as well
KINDS = (
    Kind("smaps", proc.is_smaps, _any_pid(proc.read_smaps)),
    Kind("maps", proc.is_maps, _any_pid(proc.read_maps)),
    Kind("status", proc.is_status, _any_pid(proc.read_status)),
    Kind("meminfo", proc.is_meminfo, _any_pid(proc.read_meminfo)),
    Kind("slabinfo", proc.is_slabinfo, _any_pid(proc.read_slabinfo)),
    Kind("an OOM report", oom.looks_like, _any_pid(oom.read)),
    Kind("pidstat -r", pidstat.looks_like, pidstat.read),
    Kind("top -b", top.looks_like, top.read),
    Kind("strace", strace.looks_like, _any_pid(strace.read)),
    Kind("pmap", pmap.looks_like, _any_pid(pmap.read)),
    Kind("slabtop", slabtop.looks_like, _any_pid(slabtop.read)),
    Kind("free", free.looks_like, _any_pid(free.read)),
)


def kind_of(lines: Lines) -> Kind | None:
    """The first that it looks like; None for what nobody here knows."""
    return next((kind for kind in KINDS if kind.looks_like(lines)), None)
