"""Takes away what runs left behind whose guard and supervisor were both killed at once."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from pathlib import Path

from memlab.lab.processes import kill_tagged
from memlab.lab.runs import Run, clean, places

# A folder without a record is being made or removed, which takes milliseconds; after a minute
# whoever did that is dead.
_ABANDONED_SECONDS = 60.0


def sweep() -> list[str]:
    """Clean up every dead run of this user; returns a sentence for each.

    Runs that live are left alone: their record is locked. Called before each start.
    """
    said = []
    name = f"memlab-{os.getuid()}-*"
    for place in places():
        for folder in sorted([*place.glob(name), *place.glob("." + name)]):
            sentence = _sweep_one(folder) if _is_ours(folder) else None
            if sentence:
                said.append(sentence)
    return said


def _is_ours(folder: Path) -> bool:
    """A folder, no link to one, of this user; anybody may make names in /dev/shm."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return os.path.isdir(folder) and not folder.is_symlink() and found.st_uid == os.getuid()


def _sweep_one(folder: Path) -> str | None:
    """Clean one run if nobody holds its record."""
    try:
        record = (folder / "record.json").open()
    except FileNotFoundError:
        return _remove_abandoned(folder)
    with record:
        try:
            fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        if folder.name.startswith("."):
            return _remove_abandoned(folder)  # locked in a moment, and then renamed
        if os.fstat(record.fileno()).st_nlink == 0:
            return None  # another sweep was faster
        try:
            run = Run(**json.load(record))
        except (ValueError, TypeError):
            return f"{folder} holds no record of a run: remove it by hand"
        killed = kill_tagged(run.id)
        if not clean(run):
            return f"run {run.id} is dead, but its cgroup {run.cgroup} is busy: left for later"
    left = f" and ended {killed} of its processes" if killed else ""
    return f"removed what run {run.id} had left{left}"


def _remove_abandoned(folder: Path) -> str | None:
    try:
        age = time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return None
    if age < _ABANDONED_SECONDS:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    return f"removed {folder}, which was never finished"
