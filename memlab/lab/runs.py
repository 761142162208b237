"""What a run leaves in the world, in one folder, and how to take all of it away again.

A run's folder is /dev/shm/memlab-UID-RUN: `record.json` says what else there is (a cgroup), and
`files/` is where a tmpfs leaker writes. Guard and supervisor hold a lock on the record for as
long as one of them lives; a record that can be locked belongs to nobody any more.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

SHM = Path("/dev/shm")
TAG = "MEMLAB_RUN"  # in the environment of everything that a run starts


@dataclass(frozen=True)
class Run:
    """One run: its id, its folder, and the memory cgroup made for it (None: none)."""

    id: str
    folder: str
    cgroup: str | None = None

    @property
    def files(self) -> str:
        """Where a tmpfs leaker may write."""
        return self.folder + "/files"


def new_id() -> str:
    """An id that no other run has."""
    return secrets.token_hex(6)


def open_run(run_id: str, cgroup: str | None) -> tuple[Run, int]:
    """Make the folder of a run and lock its record; returns the run and the lock's descriptor.

    It gets its name only when it is locked: a sweep never sees it half made.
    """
    place = SHM if os.access(SHM, os.W_OK) else Path(os.environ.get("TMPDIR", "/tmp"))
    run = Run(run_id, str(place / f"memlab-{os.getuid()}-{run_id}"), cgroup)
    half = place / f".memlab-{os.getuid()}-{run_id}"
    half.mkdir(mode=0o700)
    (half / "files").mkdir(mode=0o700)
    lock = os.open(half / "record.json", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.write(lock, json.dumps(asdict(run)).encode())
    fcntl.flock(lock, fcntl.LOCK_EX)
    half.rename(run.folder)
    return run, lock


def clean(run: Run) -> None:
    """Remove the files and the cgroup of a run whose processes have ended. May be called twice."""
    shutil.rmtree(run.files, ignore_errors=True)
    if run.cgroup:
        _remove_group(run.cgroup)
    shutil.rmtree(run.folder, ignore_errors=True)  # the record goes last


def _remove_group(folder: str) -> None:
    """A group is busy until its last process is buried."""
    deadline = time.monotonic() + 2
    while os.path.isdir(folder) and time.monotonic() < deadline:
        try:
            os.rmdir(folder)
        except OSError:
            time.sleep(0.01)


def kill_descendants() -> None:
    """Kill everything below this process and bury it, until there is nothing left.

    The caller is a subreaper: whose parent has died becomes its child, so that nothing that
    forked, changed its session or was orphaned gets away.
    """
    while True:
        for pid in descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def descendants(pid: int) -> Iterator[int]:
    """The processes below `pid`, as /proc shows them now."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for task in tasks:
        with suppress(OSError):
            text = Path(f"/proc/{pid}/task/{task}/children").read_text()
            for child in map(int, text.split()):
                yield child
                yield from descendants(child)


def tagged(run_id: str) -> Iterator[int]:
    """Own processes that carry the tag of a run."""
    wanted = f"{TAG}={run_id}".encode()
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            with suppress(OSError):
                if wanted in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                    yield int(name)
