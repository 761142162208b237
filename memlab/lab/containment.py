"""How much a leaker may take, and when it is refused: figures, and a thin reading of the machine.

Three fences stand one behind the other: the leaker's own cap, a kernel limit (a memory cgroup
where one may be made, RLIMIT_AS always), and the supervisor, which looks ten times a second.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from memlab.errors import MemlabError, Refused
from memlab.lab import settings
from memlab.lab.registry import Leaker
from memlab.procfs import cgroup, meminfo
from memlab.procfs.host import Host
from memlab.units import GIB, KIB, MIB, PAGE_BYTES, format_bytes

# What the program takes beside its leak: a Python interpreter is 15 MiB, page tables and kernel
# memory that a cgroup counts come on top; four times that is no danger to anybody.
MARGIN = 64 * MIB
# Address space that a program maps and never touches: libraries, locale archives, one malloc
# arena of 64 MiB for each of two threads.
VIRTUAL_MARGIN = 256 * MIB
# What a thread that is kept has in memory: two or three pages of stack and thread descriptor,
# two of page tables, and what the kernel keeps. Up to 19.9 kB were charged to a cgroup for each.
RESIDENT_PER_STACK = 32 * KIB


@dataclass(frozen=True)
class Need:
    """What a leaker may take at its cap, in bytes: of memory, of address space, and on tmpfs."""

    resident: int
    virtual: int
    tmpfs: int = 0


@dataclass(frozen=True)
class Room:
    """What the machine can bear, in bytes; None where there is no such limit.

    outstanding: what other runs were promised and have not taken yet; promised: all that they
    were promised; together: what all runs of this user may be promised.
    """

    total: int
    available: int
    cgroup: int | None = None
    tmpfs: int | None = None
    outstanding: int = 0
    promised: int = 0
    together: int | None = None


def need_of(leaker: Leaker, cap: int, basis: str, chunk: int, touched: int) -> Need:
    """What a leaker may take: `cap` in its `basis`, in chunks of which `touched` bytes are written.

    A page is touched as a whole, so a chunk of 64 KiB with one byte touched takes 4 KiB.
    """
    if basis == "count":
        return Need(cap * leaker.overhead_bytes + MARGIN, VIRTUAL_MARGIN)
    pages = -(-touched // PAGE_BYTES) * PAGE_BYTES
    is_stack = leaker.pattern == "thread-stack"
    each = RESIDENT_PER_STACK if is_stack else min(chunk, pages) + leaker.overhead_bytes
    chunks = -(-cap // (chunk if basis == "virtual" else max(touched, 1)))
    # mmap gives whole pages, malloc may give a few bytes more
    virtual = chunks * (chunk + leaker.overhead_bytes + PAGE_BYTES)
    # page tables: 8 bytes for each page of address space, worst where one page in 512 is touched
    tables = virtual // 512 if touched or leaker.pattern == "page-table" else 0
    return Need(
        resident=chunks * each + tables + MARGIN,
        virtual=virtual + VIRTUAL_MARGIN,
        tmpfs=cap if leaker.on_tmpfs else 0,
    )


def reserve(total: int) -> int:
    """What stays free of a machine with so many bytes: a quarter GiB or a tenth, whichever is more.

    Below that the kernel would begin to push others out.
    """
    return max(GIB // 4, total // 10)


def refusal(need: Need, room: Room) -> str | None:
    """Why this cannot be borne, with figures; None when it can."""
    kept = reserve(room.total)
    if need.resident + room.outstanding + kept > room.available:
        others = (
            f", and {format_bytes(room.outstanding)} are promised to leakers that run"
            if room.outstanding
            else ""
        )
        return (
            f"it may take {format_bytes(need.resident)}, and of {format_bytes(room.available)} available "
            f"memory {format_bytes(kept)} are kept free{others}"
        )
    if room.together is not None and need.resident + room.promised > room.together:
        return f"it may take {format_bytes(need.resident)}, {beyond(room.promised, room.together)}"
    if room.cgroup is not None and need.resident + room.outstanding > room.cgroup:
        return (
            f"it may take {format_bytes(need.resident)}, and the memory cgroup we run in has room for "
            f"{format_bytes(max(0, room.cgroup - room.outstanding))}"
        )
    if room.tmpfs is not None and need.tmpfs > room.tmpfs:
        return f"it may write {format_bytes(need.tmpfs)}, and /dev/shm has {format_bytes(room.tmpfs)} free"
    return None


def beyond(promised: int, together: int) -> str:
    """The words for what all leakers together may take."""
    others = f"leakers that run may take {format_bytes(promised)}, and " if promised else ""
    return (
        f"{others}all leakers of a user may take {format_bytes(together)} together "
        f"(half of the memory, or {settings.TOTAL})"
    )


def refuse_what_hurts(
    need: Need, outstanding: int = 0, promised: int = 0, host: Host | None = None
) -> int:
    """Raise Refused when this machine, as it is now, could not bear it.

    Returns what all leakers of this user may take together, in bytes.
    """
    room = room_of(host or Host(), outstanding, promised)
    why = refusal(need, room)
    if why:
        end_some = ", or end those that run: memlab leak --stop-all" if promised else ""
        raise Refused(
            f"refused, to keep this machine safe: {why}",
            f"choose a smaller --cap or a larger --chunk{end_some}",
        )
    return room.together or room.total


def room_of(host: Host, outstanding: int = 0, promised: int = 0) -> Room:
    """What this machine can bear now.

    All leakers of a user together get half of the memory that there is: of the machine's, or of
    the limit of our memory cgroup where that is less. Whatever they do, as much is left to others.
    """
    machine = meminfo.read(host)
    room = None
    tmpfs = None
    there_is = machine.mem_total
    with suppress(MemlabError):
        group = cgroup.read(host)
        room = None if group.limit is None else group.limit - group.usage
        there_is = min(there_is, *(level.limit or there_is for level in group.levels))
    with suppress(MemlabError):
        shm = host.statvfs("/dev/shm")
        tmpfs = shm.block_bytes * shm.free_blocks
    available = machine.mem_available if machine.mem_available is not None else machine.mem_free
    together = settings.size(settings.TOTAL)
    if together is None:
        together = there_is // 2
    return Room(machine.mem_total, available, room, tmpfs, outstanding, promised, together)


def make_group(
    run_id: str,
    limit: int,
    announce: Callable[[str], object] = lambda folder: None,
    one_by_one: bool = False,
) -> tuple[str | None, str]:
    """Make a memory cgroup with this limit; (folder, "") or (None, why not).

    `announce` hears the folder before it is made: who dies in between has left a note of it.
    `one_by_one`: its processes are killed one by one, and none of their memory is swapped out.
    """
    try:
        own, version = cgroup.memory_folder(Host())
    except MemlabError as error:
        return None, str(error)
    # In version 2 a group with processes cannot hand the controller down to children (the rule
    # of no internal processes, cgroup-v2.rst), but the group above ours does: that is why ours
    # has it. A sibling then is bound by all that binds us but our own group's limit.
    parents = [own] if version == 1 else [own, str(PurePosixPath(own).parent)]
    why = ""
    for parent in parents:
        folder = f"{parent}/memlab-{run_id}"
        announce(folder)
        refused = _make_one(folder, version, limit, one_by_one)
        if not refused:
            return folder, ""
        why = why or f"no child group may be made in {parent}: {refused}"
    return None, why


def _make_one(folder: str, version: int, limit: int, one_by_one: bool) -> str:
    """Make this group, set its limit and try whether a process may move there; "" or why not."""
    try:
        os.mkdir(folder)
    except OSError as error:
        return error.strerror or str(error)
    try:
        if version == 1:
            Path(folder, "memory.limit_in_bytes").write_text(str(limit))
            with suppress(OSError):  # only where swap is accounted
                Path(folder, "memory.memsw.limit_in_bytes").write_text(str(limit))
            if one_by_one:
                Path(folder, "memory.swappiness").write_text("0")
        else:
            Path(folder, "memory.max").write_text(str(limit))
            with suppress(OSError):
                Path(folder, "memory.swap.max").write_text("0")
            with suppress(OSError):  # a leaker and its children are one thing to kill
                Path(folder, "memory.oom.group").write_text("0" if one_by_one else "1")
            _try_to_join(folder)
    except OSError as error:
        with suppress(OSError):
            os.rmdir(folder)
        return error.strerror or str(error)
    return ""


def _try_to_join(folder: str) -> None:
    """Raise OSError when a process of ours may not move there: who may is not in the mode bits."""
    child = os.fork()
    if child == 0:
        try:
            join_group(folder)
        except OSError as error:
            os._exit(error.errno or errno.EIO)
        os._exit(0)
    refused = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if refused:
        raise OSError(refused, os.strerror(refused))


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
