"""Takes away what runs left behind whose guard and supervisor were both killed at once.

Nothing is removed for its name alone. A folder is a run's when it is called like one, belongs to
this user and holds a record whose every word fits its name (`runs.read_record`); processes are
found by the tag in their environment, the rest by what the record says (`leftovers`).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from memlab.lab import build, leftovers
from memlab.lab.processes import kill_tagged, tagged
from memlab.lab.runs import SHM, Run, clean, folders, open_record, read_record

# A folder without a record is being made or removed, which takes milliseconds; after a minute
# whoever did that is dead.
_ABANDONED_SECONDS = 60.0


def sweep(dry_run: bool = False) -> list[str]:
    """Clean up every dead run of this user; returns a sentence for each.

    Runs that live are left alone: their record is locked. Called before each start. With
    `dry_run` it only says what there is.
    """
    return [said for folder in folders() if (said := _sweep_one(folder, dry_run))]


def sweep_builds(dry_run: bool = False) -> list[str]:
    """Remove what compilers left that were killed while they made a leaker; a sentence for each."""
    said = []
    for folder in build.abandoned():
        if not dry_run:
            shutil.rmtree(folder, ignore_errors=True)
        said.append(f"{_verb(dry_run)} {folder}, which a compiler had begun")
    return said


def left_alone() -> list[str]:
    """What leakers run by hand may have left in /dev/shm: nothing proves that they have ended."""
    found = []
    for path in sorted(SHM.glob("memlab-by-hand-*")):
        with suppress(OSError):
            if path.lstat().st_uid == os.getuid():
                found.append(
                    f"left alone: {path}, of a leaker that was run by hand; "
                    "remove it when that has ended"
                )
    return found


def belongings(run: Run) -> list[str]:
    """Everything of a run that is there now: processes, files, shared memory, queues, its cgroup."""
    return [
        *(f"process {pid} ({_comm(pid)})" for pid in tagged(run.id)),
        *(str(path) for path in _files(run)),
        *leftovers.listed(run.keys, run.leaker, run.shm_prefix),
        *([f"cgroup {run.cgroup}"] if run.cgroup and os.path.isdir(run.cgroup) else []),
    ]


def _sweep_one(folder: Path, dry_run: bool) -> str | None:
    """Clean one run if nobody holds its record."""
    record = open_record(folder)
    if record is None:
        return _remove_unfinished(folder, dry_run)
    try:
        fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if folder.name.startswith("."):
            return _remove_unfinished(folder, dry_run)  # locked in a moment, and then renamed
        if os.fstat(record).st_nlink == 0:
            return None  # another sweep was faster
        run = read_record(record, folder)
        if run is None:
            return f"left alone: {folder} holds no record of a run, remove it by hand"
        return _clean(run, dry_run)
    except BlockingIOError:
        return None
    finally:
        os.close(record)


def _clean(run: Run, dry_run: bool) -> str:
    left = _shortened(belongings(run)) or "its record"
    who = f"run {run.id}" + (f" of {run.name}" if run.name else "")
    if dry_run:
        return f"{who} is dead and has left {left}"
    kill_tagged(run.id)
    if not clean(run):
        return f"{who} is dead, but its cgroup {run.cgroup} is busy: left for later"
    return f"removed what {who} had left: {left}"


def _shortened(things: list[str], most: int = 6) -> str:
    more = len(things) - most
    return ", ".join(things[:most]) + (f" and {more} more" if more > 0 else "")


def _remove_unfinished(folder: Path, dry_run: bool) -> str | None:
    """Remove a folder in which a run was about to begin, or had all but gone.

    Such a one holds an empty folder and a record at the most: with anything else in it, it is
    somebody's own.
    """
    try:
        age = time.time() - folder.stat().st_mtime
        holds = {path.name for path in folder.iterdir()}
        files = list((folder / "files").iterdir()) if "files" in holds else []
    except OSError:
        return None
    if age < _ABANDONED_SECONDS or holds - {"files", "record.json"} or files:
        return None
    if not folder.name.startswith(".") and "record.json" in holds:
        return None  # no plain file, or it would have been read
    if not dry_run:
        with suppress(OSError):
            (folder / "record.json").unlink(missing_ok=True)
            if "files" in holds:
                (folder / "files").rmdir()
            folder.rmdir()
    return f"{_verb(dry_run)} {folder}, which was never finished"


def _verb(dry_run: bool) -> str:
    return "would remove" if dry_run else "removed"


def _comm(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return "ended"


def _files(run: Run) -> Iterator[Path]:
    with suppress(OSError):
        yield from sorted(Path(run.files).iterdir())
