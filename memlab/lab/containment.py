"""How much a leaker may take, what holds it there, and when it is refused.

Three fences stand one behind the other: the leaker's own cap, a kernel limit (a memory cgroup
where one may be made, RLIMIT_AS always), and the supervisor, which looks ten times a second.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from memlab.errors import MemlabError, Refused
from memlab.procfs import cgroup, meminfo
from memlab.procfs.host import Host
from memlab.units import GIB, KIB, MIB, format_bytes

# What the program takes beside its leak: a Python interpreter is 15 MiB, page tables and kernel
# memory that a cgroup counts come on top; four times that is no danger to anybody.
MARGIN = 64 * MIB
# Address space that a program maps and never touches: libraries, locale archives, one malloc
# arena of 64 MiB for each of two threads.
VIRTUAL_MARGIN = 256 * MIB
# What a forgotten thread keeps in memory: two or three pages of stack and two of page tables.
RESIDENT_PER_STACK = 32 * KIB


@dataclass(frozen=True)
class Need:
    """What a leaker may take at its cap, in bytes: of memory, of address space, and on tmpfs."""

    resident: int
    virtual: int
    tmpfs: int = 0


@dataclass(frozen=True)
class Room:
    """What the machine can bear: bytes; None where there is no such limit."""

    total: int
    available: int
    cgroup: int | None = None
    tmpfs: int | None = None


def need_of(cap: int, basis: str, chunk: int, touch: float, on_tmpfs: bool = False) -> Need:
    """What a leaker may take: `cap` in its `basis`, with chunks of which a share is touched."""
    if basis == "virtual":
        stacks = -(-cap // chunk) * RESIDENT_PER_STACK
        return Need(min(cap, int(cap * touch) + stacks) + MARGIN, cap + cap // 8 + VIRTUAL_MARGIN)
    virtual = int(cap / touch) if touch else cap
    return Need(cap + MARGIN, virtual + VIRTUAL_MARGIN, cap if on_tmpfs else 0)


def refusal(need: Need, room: Room) -> str | None:
    """Why this cannot be borne, with figures; None when it can.

    A quarter GiB or a tenth of the machine stays free, whichever is more: below that the kernel
    would begin to push others out.
    """
    reserve = max(GIB // 4, room.total // 10)
    if need.resident + reserve > room.available:
        return (
            f"it may take {format_bytes(need.resident)}, and of {format_bytes(room.available)} available "
            f"memory {format_bytes(reserve)} are kept free"
        )
    if room.cgroup is not None and need.resident > room.cgroup:
        return (
            f"it may take {format_bytes(need.resident)}, and the memory cgroup we run in has room for "
            f"{format_bytes(room.cgroup)}"
        )
    if room.tmpfs is not None and need.tmpfs > room.tmpfs:
        return f"it may write {format_bytes(need.tmpfs)}, and /dev/shm has {format_bytes(room.tmpfs)} free"
    return None


def refuse_what_hurts(need: Need, host: Host | None = None) -> None:
    """Raise Refused when this machine, as it is now, could not bear it."""
    why = refusal(need, room_of(host or Host()))
    if why:
        raise Refused(f"refused, to keep this machine safe: {why}", "choose a smaller --cap")


def room_of(host: Host) -> Room:
    """What this machine can bear now."""
    machine = meminfo.read(host)
    room = None
    tmpfs = None
    with suppress(MemlabError):
        group = cgroup.read(host)
        room = None if group.limit is None else group.limit - group.usage
    with suppress(MemlabError):
        shm = host.statvfs("/dev/shm")
        tmpfs = shm.block_bytes * shm.free_blocks
    available = machine.mem_available if machine.mem_available is not None else machine.mem_free
    return Room(machine.mem_total, available, room, tmpfs)


def make_group(run_id: str, limit: int) -> tuple[str | None, str]:
    """Make a memory cgroup below our own with this limit; (folder, "") or (None, why not)."""
    try:
        parent, version = cgroup.memory_folder(Host())
    except MemlabError as error:
        return None, str(error)
    folder = f"{parent}/memlab-{run_id}"
    try:
        os.mkdir(folder)
    except OSError as error:
        return None, f"no child group may be made in {parent}: {error.strerror}"
    try:
        if version == 1:
            Path(folder, "memory.limit_in_bytes").write_text(str(limit))
            with suppress(OSError):  # only where swap is accounted
                Path(folder, "memory.memsw.limit_in_bytes").write_text(str(limit))
        else:
            Path(folder, "memory.max").write_text(str(limit))
            with suppress(OSError):
                Path(folder, "memory.swap.max").write_text("0")
    except OSError as error:
        os.rmdir(folder)
        return (
            None,
            f"the memory controller is not handed down to children of {parent}: {error.strerror}",
        )
    return folder, ""


def join_group(folder: str) -> None:
    """Move this process into a group."""
    Path(folder, "cgroup.procs").write_text("0")


def oom_kills(folder: str) -> int:
    """How often the kernel had to kill in this group."""
    for name in ("memory.oom_control", "memory.events"):
        with suppress(OSError):
            for line in Path(folder, name).read_text().splitlines():
                key, _, value = line.partition(" ")
                if key == "oom_kill":
                    return int(value)
    return 0
