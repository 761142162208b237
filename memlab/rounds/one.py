"""One round by itself: what it took, how high it went, what was left of it."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from memlab.rounds.watching import observer, trim
from memlab.units import KIB

if TYPE_CHECKING:
    from memlab.model.recording import Recording

T = TypeVar("T")


@dataclass(frozen=True)
class Round:
    """A call, once: seconds by the clock and of CPU, page faults, and the two readings around it.

    peak_bytes: resident memory at its highest, above what there was before; None where the kernel does
    not let us set its high-water mark back (fs/proc/task_mmu.c, clear_refs 5).
    """

    seconds: float
    cpu_seconds: float
    minor_faults: int
    major_faults: int
    peak_bytes: int | None
    recording: Recording


def watch_one(call: Callable[[], T], *, collect: bool = True) -> tuple[T, Round]:
    """Call it once between two readings. An exception of it passes through."""
    if collect:
        gc.collect()
    trim()
    watching = observer()
    watching.begin()
    marked = _lower_mark()
    before = _status("VmRSS")
    used, clock = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    returned = call()
    seconds = time.perf_counter() - clock
    now = resource.getrusage(resource.RUSAGE_SELF)
    peak = max(0, _status("VmHWM") - before) if marked else None
    if collect:
        gc.collect()
    trim()
    watching.read()
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return returned, Round(
        seconds, cpu, now.ru_minflt - used.ru_minflt, now.ru_majflt - used.ru_majflt, peak,
        watching.recording(),
    )  # fmt: skip


def _lower_mark() -> bool:
    """Set this process's VmHWM to what is resident now."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status(name: str) -> int:
    """A line of our own status, in bytes."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) * KIB for line in file if line.startswith(name + ":"))
