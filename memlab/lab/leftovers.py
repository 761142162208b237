"""Shared memory and queues that outlive their process: found by what is the run's alone, and removed.

A System V object is the run's when its key lies in the run's range, its owner is this user, and
the process that made it (shm) or sent to it last (msg) is the run's leaker, or nobody sent yet.
POSIX shared memory is the run's by its name. A file that has no name any more is its holder's.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from memlab.errors import MemlabError
from memlab.procfs import sysvipc_msg, sysvipc_shm
from memlab.procfs.host import Host
from memlab.units import format_bytes

_SHM = Path("/dev/shm")
_IPC_RMID = 0  # linux/ipc.h
_libc = ctypes.CDLL(None, use_errno=True)
_HOST = Host()


def remove(keys: range, leaker: int | None, shm_prefix: str) -> None:
    """Remove what a run left that no folder holds; may be called twice."""
    for segment in _segments(keys, leaker):
        _libc.shmctl(segment.shmid, _IPC_RMID, None)
    for queue in _queues(keys, leaker):
        _libc.msgctl(queue.msqid, _IPC_RMID, None)
    for path in _shm_files(shm_prefix):
        with suppress(OSError):
            path.unlink()


def listed(keys: range, leaker: int | None, shm_prefix: str) -> list[str]:
    """What `remove` would remove, a few words for each."""
    return [
        *(
            f"System V segment {segment.shmid} ({format_bytes(segment.size)})"
            for segment in _segments(keys, leaker)
        ),
        *(
            f"message queue {queue.msqid} ({format_bytes(queue.cbytes)})"
            for queue in _queues(keys, leaker)
        ),
        *(str(path) for path in _shm_files(shm_prefix)),
    ]


def sysv_bytes(keys: range, leaker: int | None) -> tuple[int, int]:
    """Bytes in memory of the run's segments, and of the messages in its queues."""
    segments = sum(one.rss or 0 for one in _segments(keys, leaker))
    return segments, sum(one.cbytes for one in _queues(keys, leaker))


def shm_bytes(shm_prefix: str) -> int:
    """Bytes of the run's POSIX shared memory."""
    return sum(found.st_blocks * 512 for found in _shm_files(shm_prefix).values())


def nameless_bytes(pid: int) -> int:
    """Bytes of memfds and deleted tmpfs files that a process holds by a descriptor."""
    held = {}
    with suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{name}"
            with suppress(OSError):
                if _is_nameless(os.readlink(path)):
                    found = os.stat(path)
                    held[found.st_ino] = found.st_blocks * 512
    return sum(held.values())


def _is_nameless(target: str) -> bool:
    return target.startswith("/memfd:") or (
        target.startswith("/dev/shm/") and target.endswith(" (deleted)")
    )


def _segments(keys: range, leaker: int | None) -> Iterator[sysvipc_shm.Segment]:
    with suppress(MemlabError):  # a kernel without System V IPC
        for segment in sysvipc_shm.read(_HOST):
            if _is_ours(segment.key, segment.uid, keys) and segment.cpid == leaker:
                yield segment


def _queues(keys: range, leaker: int | None) -> Iterator[sysvipc_msg.Queue]:
    with suppress(MemlabError):
        for queue in sysvipc_msg.read(_HOST):
            if _is_ours(queue.key, queue.uid, keys) and queue.lspid in (0, leaker):
                yield queue


def _is_ours(key: int, uid: int, keys: range) -> bool:
    return key & 0xFFFFFFFF in keys and uid == os.getuid()


def _shm_files(shm_prefix: str) -> dict[Path, os.stat_result]:
    """Regular files of this user; anybody may make names in /dev/shm, and take them away again."""
    files = {}
    for path in _SHM.glob(shm_prefix.lstrip("/") + "*"):
        with suppress(OSError):
            found = path.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid():
                files[path] = found
    return files
