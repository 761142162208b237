"""/proc/sysvipc/msg: the System V message queues (ipc/msg.c, sysvipc_msg_proc_show; msgctl(2)).

Messages lie in the kernel's slab (msg_msg-*, kmalloc-cg-*): no process shows them, and they stay
when every process has ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from memlab.errors import Malformed
from memlab.procfs.host import Host
from memlab.procfs.sysvipc import rows


@dataclass(frozen=True)
class Queue:
    """One queue; times in seconds since the epoch (0: never).

    key, msqid, perms: as for segments; cbytes: bytes of message text in it, without the kernel's
    header of each; qnum: messages; lspid, lrpid: who sent and who received last; uid, gid, cuid,
    cgid: owner and creator; stime, rtime, ctime: last sent, received, changed.
    """

    key: int
    msqid: int
    perms: int
    cbytes: int
    qnum: int
    lspid: int
    lrpid: int
    uid: int
    gid: int
    cuid: int
    cgid: int
    stime: int
    rtime: int
    ctime: int
    unknown: dict[str, int] = field(default_factory=dict)


_KNOWN = frozenset(Queue.__dataclass_fields__) - {"unknown"}


def parse(text: bytes, path: str = "sysvipc/msg") -> tuple[Queue, ...]:
    """A line of names, then a line a queue; Malformed where a column is missing."""
    try:
        return tuple(Queue(**row) for row in rows(text, path, _KNOWN))
    except TypeError:
        raise Malformed(path, 1, "", "lacks a column") from None


def read(host: Host) -> tuple[Queue, ...]:
    """Read it; Unsupported where the kernel has no System V IPC."""
    return parse(host.read("/proc/sysvipc/msg"), "/proc/sysvipc/msg")
