"""Reads all that decides where a kernel message goes: levels, limits, consoles, ring buffer, and who listens."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import suppress

from memlab.errors import Denied, Gone, MemlabError, Unsupported
from memlab.model.printk import Path, Reader, Ring, ring_of
from memlab.observe.processes import pids
from memlab.procfs import comm, consoles, kmsg, printk
from memlab.procfs.host import Host

_SIZE_BUFFER = 10  # SYSLOG_ACTION_SIZE_BUFFER, include/linux/syslog.h
_SOURCES = ("/proc/kmsg", "/dev/kmsg")


def look(host: Host | None = None, kmsg_path: str = kmsg.PATH) -> Path:
    """One look; raises Unsupported where the kernel has no printk."""
    host = host or Host()
    missing: list[str] = []
    try:
        shown: tuple[consoles.Console, ...] | None = consoles.read(host)
    except (Denied, Unsupported) as error:
        shown = None
        missing.append(str(error))
    try:
        ring = _ring(kmsg_path)
    except MemlabError as error:
        ring = None
        missing.append(str(error))
    found = list(_readers(host))
    return Path(
        levels=printk.read(host),
        limits=printk.read_limits(host),
        consoles=shown,
        ring=ring,
        readers=tuple(one for one in found if one is not None),
        readers_hidden=found.count(None),
        missing=tuple(missing),
    )


def _ring(path: str) -> Ring | None:
    size = ctypes.CDLL(None).klogctl(_SIZE_BUFFER, None, 0)
    return ring_of(list(kmsg.ring(path)), size if size > 0 else None)


def _readers(host: Host) -> Iterator[Reader | None]:
    """Who has the kernel's messages open; None for each process that may not be asked."""
    for pid in pids(host):
        try:
            targets = _targets(host, pid)
            name = comm.read(host, pid) if targets.intersection(_SOURCES) else ""
        except Denied:
            yield None
        except (Gone, Unsupported):
            continue
        else:
            yield from (Reader(pid, name, path) for path in _SOURCES if path in targets)


def _targets(host: Host, pid: int) -> set[str]:
    """Where the descriptors of a process lead to; one may be closed meanwhile."""
    found = set()
    for descriptor in host.listdir(f"/proc/{pid}/fd"):
        with suppress(Gone, Unsupported):
            found.add(host.readlink(f"/proc/{pid}/fd/{descriptor}"))
    return found
