"""Takes away what runs left behind whose guard and supervisor were both killed at once."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from memlab.lab.runs import SHM, Run, clean, tagged


def sweep() -> list[str]:
    """Clean up every dead run of this user; returns a sentence for each.

    Runs that live are left alone: their record is locked. Called before each start.
    """
    said = []
    for place in {SHM, Path(os.environ.get("TMPDIR", "/tmp"))}:
        for folder in sorted(place.glob(f"memlab-{os.getuid()}-*")):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            sentence = _sweep_one(folder)
            if sentence:
                said.append(sentence)
    return said


def _sweep_one(folder: Path) -> str | None:
    """Clean one run if nobody holds its record."""
    try:
        record = (folder / "record.json").open("r+")
    except OSError:
        return None  # it is being removed by its owner
    with record:
        try:
            fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        try:
            run = Run(**json.load(record))
        except (ValueError, TypeError):
            return f"{folder} holds no record of a run: remove it by hand"
        killed = _kill_tagged(run.id)
        clean(run)
    left = f" and ended {killed} of its processes" if killed else ""
    return f"removed what run {run.id} had left{left}"


def _kill_tagged(run_id: str) -> int:
    """End what still carries the run's tag; they are orphans, so they are not ours to bury."""
    killed = 0
    deadline = time.monotonic() + 5
    while (pids := list(tagged(run_id))) and time.monotonic() < deadline:
        for pid in pids:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        time.sleep(0.01)
    return killed
