"""What a run leaves in the world, named in one folder, and how to take all of it away again.

A run's folder is /dev/shm/memlab-UID-RUN: `record.json` says what else there is (a cgroup), and
`files/` is where a tmpfs leaker writes. POSIX shared memory is called like the folder, with a dot
and a number; System V segments and queues have keys that belong to the run (`leftovers`). Guard
and supervisor hold a lock on the record for as long as one of them lives; a record that can be
locked belongs to nobody any more.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from memlab.lab import leftovers
from memlab.lab.processes import descendants
from memlab.units import PAGE_BYTES

SHM = Path("/dev/shm")
# a record always has this length: rewritten in place by one write, it is whole at any moment
_RECORD_BYTES = 2048
_NAME = re.compile(r"\.?memlab-([0-9]+)-([0-9a-f]{12})")


@dataclass(frozen=True)
class Run:
    """One run: its id, its folder, the bytes of memory it may take, its cgroup and its leaker's pid.

    name: what the leaker is called.
    """

    id: str
    folder: str
    resident: int
    cgroup: str | None = None
    leaker: int | None = None
    name: str = ""

    @property
    def called(self) -> str:
        """In a list of runs."""
        name = self.name or f"run {self.id}"
        return f"{name}, pid {self.leaker}" if self.leaker else f"{name}, which was just starting"

    @property
    def files(self) -> str:
        """Where a tmpfs leaker may write."""
        return self.folder + "/files"

    @property
    def keys(self) -> range:
        """The System V keys of this run: 65,536 of them, never 0, which is IPC_PRIVATE."""
        base = (int(self.id[:4], 16) or 1) << 16
        return range(base, base + (1 << 16))

    @property
    def shm_prefix(self) -> str:
        """How the names of its POSIX shared memory begin, for shm_open(3)."""
        return f"/{Path(self.folder).name}."


def new_id() -> str:
    """An id that no other run has."""
    return os.urandom(6).hex()


def places() -> list[Path]:
    """Where runs have their folders: /dev/shm, or the folder for temporary files without one."""
    return list(dict.fromkeys([SHM, Path(os.environ.get("TMPDIR", "/tmp"))]))


def open_run(run_id: str, resident: int, leaker_name: str = "") -> tuple[Run, int]:
    """Make the folder of a run and lock its record; returns the run and the lock's descriptor.

    It gets its name only when it is locked: a sweep never sees it half made.
    """
    place = next(place for place in places() if os.access(place, os.W_OK))
    name = f"memlab-{os.getuid()}-{run_id}"
    run, half = Run(run_id, str(place / name), resident, name=leaker_name), place / f".{name}"
    half.mkdir(mode=0o700)
    try:
        (half / "files").mkdir(mode=0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        lock = os.open(half / "record.json", flags, 0o600)
        note(lock, run)
        fcntl.flock(lock, fcntl.LOCK_EX)
        half.rename(run.folder)
    except OSError:
        shutil.rmtree(half, ignore_errors=True)
        raise
    return run, lock


def note(lock: int, run: Run) -> None:
    """Write the record anew, through the descriptor that locks it."""
    os.pwrite(lock, json.dumps(asdict(run)).ljust(_RECORD_BYTES).encode(), 0)


def clean(run: Run) -> bool:
    """Remove files, cgroup and record of a run whose processes have ended; may be called twice.

    False when its cgroup is still busy: then the record stays, and a later sweep tries again.
    """
    shutil.rmtree(run.files, ignore_errors=True)
    leftovers.remove(run.keys, run.leaker, run.shm_prefix)
    if run.cgroup and not _group_removed(run.cgroup):
        return False
    shutil.rmtree(run.folder, ignore_errors=True)
    return True


def _group_removed(folder: str, seconds: float = 2.0) -> bool:
    """A group is busy until its last process is buried."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError):
            os.rmdir(folder)
        if not os.path.isdir(folder):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)


def folders() -> Iterator[Path]:
    """Folders that are called as a run's, also half made ones: this user's own, and no links.

    Anybody may make names in /dev/shm.
    """
    for place in places():
        for path in sorted([*place.glob("memlab-*"), *place.glob(".memlab-*")]):
            match = _NAME.fullmatch(path.name)
            with suppress(OSError):
                found = path.lstat()
                ours = match and int(match[1]) == os.getuid() == found.st_uid
                if ours and stat.S_ISDIR(found.st_mode):
                    yield path


def open_record(folder: Path) -> int | None:
    """A descriptor of the folder's record; None where it holds no plain file of that name.

    What is no record may be a link, or a pipe that nobody ever writes to.
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        record = os.open(folder / "record.json", flags)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(record).st_mode):
        return record
    os.close(record)
    return None


def read_record(record: int, folder: Path) -> Run | None:
    """What a record says; None where it is not that of a run in this folder.

    A run's names all follow from its id. A record that says otherwise is somebody's own file, and
    nothing that it names is ours to remove.
    """
    match = _NAME.fullmatch(folder.name)
    try:
        run = Run(**json.loads(os.pread(record, _RECORD_BYTES, 0)))
    except (ValueError, TypeError):
        return None
    group = run.cgroup
    fits = (
        match is not None
        and (run.id, run.folder) == (match[2], str(folder))
        and isinstance(run.resident, int)
        and isinstance(run.leaker, int | None)
        and (group is None or str(group).startswith("/"))
        and (group is None or Path(group).name == f"memlab-{run.id}")
    )
    return run if fits else None


def living() -> Iterator[Run]:
    """The runs of this user whose guard or supervisor lives."""
    for folder in folders():
        record = open_record(folder)
        if record is None:
            continue
        try:
            fcntl.flock(record, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            run = read_record(record, folder)
            if run:
                yield run
        finally:
            os.close(record)


def promised() -> int:
    """Bytes that all living runs of this user may take at their caps."""
    return sum(run.resident for run in living())


def outstanding() -> int:
    """Bytes that the living runs of this user may still take: promised, and not yet missing."""
    return sum(max(0, run.resident - taken(run)) for run in living())


def taken(run: Run) -> int:
    """Resident bytes of a run's leaker and all below it, and of what it made in shared memory.

    Pages of files and segments that it also maps would count twice: of what is shared and what
    is in them the larger counts. proc(5): statm has size, resident, shared.
    """
    private = shared = 0
    pids = (run.leaker, *descendants(run.leaker)) if run.leaker else ()
    for pid in pids:
        with suppress(OSError):
            resident, shares = map(int, Path(f"/proc/{pid}/statm").read_text().split()[1:3])
            private += (resident - shares) * PAGE_BYTES
            shared += shares * PAGE_BYTES
    named = _files_bytes(run.files) + leftovers.shm_bytes(run.shm_prefix)
    sysv, messages = leftovers.sysv_bytes(run.keys, run.leaker)
    nameless = sum(map(leftovers.nameless_bytes, pids))
    return private + max(shared, named + nameless + sysv) + messages


def _files_bytes(folder: str) -> int:
    size = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += os.lstat(os.path.join(path, name)).st_blocks * 512
    return size
