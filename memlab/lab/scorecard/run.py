"""Runs the cases side by side, each watched by the public command in a process of its own.

The observer gets a pid and nothing else: what the leaker says goes to the truth, which is
kept in another file and is not read until the recording has been judged.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memlab.errors import MemlabError, Refused
from memlab.lab.experiment import Experiment, start
from memlab.lab.scorecard.cases import Case, need_bytes
from memlab.procfs import meminfo
from memlab.procfs.host import Host

# A leaker sleeps between its events and an observer between its ticks: both take 2-4 % of a core once
# they run, so that many fit on one. Starting them takes 2 s of a core: twelve starts at once on
# two cores began up to 28 s late. So no more are being started than there are cores, and one that waits.
PER_CORE = 6
BEGIN_SECONDS = 60.0
TRIES, TRY_AGAIN_SECONDS = 5, 10.0
MOST_POINTS = 300


def side_by_side() -> int:
    """How many cases run at once on this machine."""
    return PER_CORE * (os.cpu_count() or 1)


def run_all(
    cases: list[Case], folder: Path, workers: int, done: Callable[[Case, dict[str, Any]], None]
) -> None:
    """Run them; `done` is called in this thread with each case and its truth as it ends."""
    gate = _Gate(_memory_for_all())
    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(_run, case, folder, gate): case for case in cases}
        try:
            for future in as_completed(running):
                done(running[future], future.result())
        except BaseException:
            for future in running:
                future.cancel()
            gate.closed = True
            raise


def recording_path(folder: Path, case: Case) -> Path:
    """Where the recording of a case is."""
    return folder / "recordings" / f"{case.label}.tar.gz"


def _memory_for_all() -> int:
    """A quarter of what is available: the lab lets all leakers of a user have half of the memory."""
    machine = meminfo.read(Host())
    return (machine.mem_available or machine.mem_free) // 4


@dataclass
class _Gate:
    """Lets cases in as memory allows, and so many start at a time."""

    room: int
    closed: bool = False

    def __post_init__(self) -> None:
        self._whole = self.room
        self._changed = threading.Condition()
        self.starts = threading.Semaphore((os.cpu_count() or 1) + 1)

    @contextmanager
    def pass_through(self, need: int) -> Iterator[None]:
        """Wait for room; one that needs more than there is waits until it is alone."""
        need = min(need, self._whole)
        with self._changed:
            while self.room < need:
                self._changed.wait()
            self.room -= need
        try:
            yield
        finally:
            with self._changed:
                self.room += need
                self._changed.notify_all()


def _run(case: Case, folder: Path, gate: _Gate) -> dict[str, Any]:
    """One case, start to end; what could not be run says why."""
    for attempt in range(TRIES):
        try:
            with gate.pass_through(need_bytes(case)):
                if gate.closed:
                    return {"failed": "interrupted"}
                return _watched(case, recording_path(folder, case), gate)
        except Refused as error:
            failed = str(error)
            if attempt < TRIES - 1 and "keep this machine safe" in failed:
                time.sleep(TRY_AGAIN_SECONDS)  # others' leakers end
                continue
            return {"failed": failed}
        except MemlabError as error:
            return {"failed": str(error)}
    return {"failed": failed}


def _watched(case: Case, path: Path, gate: _Gate) -> dict[str, Any]:
    path.unlink(missing_ok=True)  # of a run that was killed
    seconds = f"{case.seconds:g}"
    with gate.starts:
        run = start(
            case.name, case.lang, control=case.kind == "control", paused=True, **case.options
        )
    with run:
        pid = str(run.pid)
        with gate.starts:
            if case.lead:  # the observer comes late
                run.resume()
                time.sleep(case.lead)
            observer = _command("record", pid, "--seconds", seconds, "--output", str(path))
            asked = ("diagnose", pid, "--seconds", seconds, "--json")
            live = _command(*asked) if case.live else None
            _wait_for(path, observer)
            if not case.lead:  # the observer sees it from its first event on
                run.resume()
        told, cpu = _ended(observer)
        said = None if live is None else _ended(live)[0]
        truth = _truth(run)
    return {**truth, "command_cpu_seconds": cpu, "told": told, "live": _verdict_of(said)}


def _wait_for(path: Path, observer: subprocess.Popen[str]) -> None:
    """Until the observer has begun: its file is there, or it has refused."""
    deadline = time.monotonic() + BEGIN_SECONDS
    while not path.exists() and time.monotonic() < deadline:
        if os.waitid(os.P_PID, observer.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.02)


def _command(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "memlab.cli.main", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _ended(process: subprocess.Popen[str]) -> tuple[str, float]:
    """What it printed, and the CPU seconds that it took from its start to its end."""
    assert process.stdout is not None
    with process.stdout:
        told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return told.strip(), round(usage.ru_utime + usage.ru_stime, 3)


def _truth(run: Experiment) -> dict[str, Any]:
    """What the leaker said of itself: its ledger, thinned, and whether it held back."""
    ledger = run.ledger
    keep = ledger[:: max(1, len(ledger) // MOST_POINTS)] + ledger[-1:]
    return {
        "ledger": [[round(line["t"], 2), line["leaked_units"], line["count"]] for line in keep],
        "held": run.holding,
        "events": [event for event in run.events if event["event"] in ("killed", "error", "end")],
    }


def _verdict_of(printed: str | None) -> dict[str, Any] | None:
    """Verdict and pattern of `memlab diagnose --json`."""
    if printed is None:
        return None
    with suppress(ValueError, KeyError):
        said = json.loads(printed)
        findings = said["findings"]
        return {
            "verdict": said["verdict"],
            "pattern": findings[0]["pattern"] if findings else None,
            "why": said["why"],
            "seconds": said["observed_seconds"],
        }
    return {"verdict": "none", "pattern": None, "why": printed[-300:], "seconds": 0.0}
