"""What the kernel itself says a process holds, before and after: a tool's account is held against it."""

from __future__ import annotations

import stat as modes
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from memlab.errors import Denied, MemlabError, Unsupported
from memlab.model.stacks import Growth, Of
from memlab.procfs import fd, maps, mountinfo, statm, sysvipc_shm, task
from memlab.procfs.fd import Fd
from memlab.procfs.host import Host
from memlab.procfs.maps import Mapping
from memlab.trace.held import Account, Held
from memlab.units import counted

_MOST_DESCRIPTORS = 20_000


@dataclass(frozen=True)
class Standing:
    """One look: address space in bytes, mappings, descriptors, threads, segments by number, children."""

    size_bytes: int
    mappings: tuple[Mapping, ...]
    descriptors: dict[int, Fd]
    threads: frozenset[int]
    segments: dict[int, int]
    children: frozenset[int]
    tmpfs: tuple[str, ...] = ()
    not_tmpfs: tuple[str, ...] = ()
    cwd: str = "/"

    def on_tmpfs(self, path: str) -> bool:
        """Whether a file of that path is memory: by the longest mount point that holds it."""
        if path.startswith("/memfd:"):
            return False  # its bytes are asked of the descriptor
        longest = max(
            (one for one in (*self.tmpfs, *self.not_tmpfs) if _holds(one, path)),
            key=len,
            default="",
        )
        return longest in self.tmpfs


def _holds(mount: str, path: str) -> bool:
    return path == mount or path.startswith(mount.rstrip("/") + "/")


def look(pid: int, host: Host) -> Standing:
    """Read it; Gone where the process has ended. What is not to be had is empty."""
    size = statm.read(host, pid).size
    mounts: tuple[mountinfo.Mount, ...] = ()
    segments: dict[int, int] = {}
    children: frozenset[int] = frozenset()
    with suppress(Denied, Unsupported):
        mounts = mountinfo.parse(host.read(f"/proc/{pid}/mountinfo"))
    with suppress(Denied, Unsupported):
        segments = {one.shmid: one.size for one in sysvipc_shm.read(host) if one.cpid == pid}
    with suppress(Denied, Unsupported):
        children = frozenset(task.children(host, pid))
    found = fd.read(host, pid, _MOST_DESCRIPTORS)
    return Standing(
        size,
        maps.read(host, pid),
        {one.number: one for one in found},
        frozenset(task.tids(host, pid)),
        segments,
        children,
        tuple(one.mount_point for one in mounts if one.is_tmpfs),
        tuple(one.mount_point for one in mounts if not one.is_tmpfs),
        host.readlink(f"/proc/{pid}/cwd"),
    )


@dataclass
class Joined:
    """What of an account is really there, and sentences on what is not.

    unjoined: threads that ended and whose stack is still mapped.
    """

    held: list[Held] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unjoined: int = 0


def join(account: Account, now: Standing, host: Host) -> Joined:
    """Keep what the kernel has too. now: a look after the tool has let go."""
    joined = Joined()
    mapped = _mappings(account, now, joined)
    _descriptors(account, now, joined, mapped)
    for number, one in account.segments.items():
        if not now.segments or number in now.segments:
            joined.held.append(one)
    for path, parts in account.files.items():
        joined.held += _of_file(path, parts, account.pid, mapped, host)
    joined.held += [one for queue in account.messages.values() for one in queue]
    _parked(account, now, joined, host)
    joined.held += [one for child, one in account.children.items() if child in now.children]
    return joined


def _mappings(account: Account, now: Standing, joined: Joined) -> set[tuple[str, int]]:
    """Adds those that are there; returns the files that they map, by device and inode."""
    gone, files, at = 0, set[tuple[str, int]](), 0
    for start, size, held in account.mappings:
        while at < len(now.mappings) and now.mappings[at].end <= start:
            at += 1
        there = list(_overlaps(now.mappings, at, start, start + max(size, 1)))
        left = sum(there_bytes for _, there_bytes in there)
        if not left:
            gone += 1
            continue
        files |= {(one.device, one.inode) for one, _ in there if one.inode}
        if held.name == "shm" and held.bytes == 0:
            continue  # its segment was made meanwhile, and has the bytes
        held.bytes = there[0][0].size if held.name == "shm" else left
        if held.thread is not None:  # its clone was seen
            ended = held.thread in account.ended or held.thread not in now.threads
            joined.unjoined += ended
        joined.held.append(held)
    if gone:
        joined.lost.append(
            f"{counted(gone, 'mapping')} of the log {'is' if gone == 1 else 'are'} not there any more:"
            " left out; a call that gave back was not seen"
        )
    return files


def _overlaps(
    mappings: tuple[Mapping, ...], at: int, start: int, end: int
) -> Iterator[tuple[Mapping, int]]:
    while at < len(mappings) and mappings[at].start < end:
        one = mappings[at]
        if (size := min(one.end, end) - max(one.start, start)) > 0:
            yield one, size
        at += 1


def _descriptors(
    account: Account, now: Standing, joined: Joined, mapped: set[tuple[str, int]]
) -> None:
    gone = 0
    for number, held in account.descriptors.items():
        there = now.descriptors.get(number)
        if there is None:
            gone += 1
            continue
        if there.kind in ("memfd", "deleted") and there.stat is not None:
            in_memory = there.kind == "memfd" or now.on_tmpfs(held.name)
            if in_memory and (there.stat.device, there.stat.inode) not in mapped:
                held.bytes = _allocated(there)
        joined.held.append(held)
    if gone:
        joined.lost.append(
            f"{counted(gone, 'descriptor')} of the log {'is' if gone == 1 else 'are'} not open any more: left out"
        )


def _parked(account: Account, now: Standing, joined: Joined, host: Host) -> None:
    """Files in the queues of its own sockets, of which the kernel tells how many there are: the newest are left."""
    if not account.parked:
        return
    queued = sum(
        scm_fds(host, account.pid, one.number)
        for one in now.descriptors.values()
        if one.kind == "socket"
    )
    if others := account.parked[: max(0, len(account.parked) - queued)]:
        joined.lost.append(
            f"{counted(len(others), 'descriptor')} that it sent {'is' if len(others) == 1 else 'are'} in no queue of "
            "its own sockets: with another process, or received: left out"
        )
    joined.held += account.parked[len(others) :]


def scm_fds(host: Host, pid: int, number: int) -> int:
    """How many descriptors wait in the queue of a socket (net/unix/af_unix.c, unix_show_fdinfo; Linux 5.6)."""
    try:
        lines = host.read(f"/proc/{pid}/fdinfo/{number}").splitlines()
    except (MemlabError, OSError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(b"scm_fds:")), 0)


def _allocated(one: Fd) -> int:
    return one.stat.allocated_bytes if one.stat is not None else 0


def _of_file(
    path: str, parts: Iterable[Held], pid: int, mapped: set[tuple[str, int]], host: Host
) -> Iterator[Held]:
    """The parts of a file that is still there, at most what it has; those that are mapped count there."""
    try:
        there = host.stat(f"/proc/{pid}/root{path}")
    except (MemlabError, OSError):
        return
    if (there.device, there.inode) in mapped or not modes.S_ISREG(there.mode):
        return
    left = there.allocated_bytes
    for part in parts:
        part.bytes = left if part.name else min(part.bytes, left)
        left -= part.bytes
        yield part


def growth(before: Standing, now: Standing, of: Of | None) -> Growth | None:
    """What grew over the same time, in the account that counts such things; None where there is none."""
    if of in (Of.MAPPING, Of.THREAD, Of.PAGE):
        amount = now.size_bytes - before.size_bytes
        return Growth(amount, "statm size (VmSize)", of=(Of.MAPPING, Of.THREAD))
    if of is Of.SEGMENT:
        amount = sum(now.segments.values()) - sum(before.segments.values())
        return Growth(amount, "its segments in /proc/sysvipc/shm", of=(of,))
    if of is Of.DESCRIPTOR:
        amount = len(now.descriptors) - len(before.descriptors)
        return Growth(amount, "/proc/PID/fd", "descriptors", (of,))
    if of is Of.PROCESS:
        amount = len(now.children) - len(before.children)
        return Growth(amount, "/proc/PID/task/*/children", "processes", (of,))
    return None
