"""CPU time of several ways to do one thing, taken in turns so that a busy machine hits all alike."""

from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

Work = Callable[[], object]


def own_cpu(work: Work) -> float:
    """Seconds of CPU, user and kernel, that this thread and the programs it ran have spent."""
    before = time.thread_time() + _children()
    work()
    return time.thread_time() + _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def interleaved(works: Mapping[str, Work], rounds: int) -> dict[str, float]:
    """The median of each, in seconds.

    In its turn each work is done twice and the second time counts: so nobody pays for what the
    one before has left in the caches and in the allocator.
    """
    taken: dict[str, list[float]] = {name: [] for name in works}
    gc.collect()
    gc.disable()  # else whoever makes the last of so many objects pays for all
    try:
        for _ in range(rounds):
            for name, work in works.items():
                work()
                taken[name].append(own_cpu(work))
    finally:
        gc.enable()
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def program(*command: str) -> Work:
    """Running a program, its output thrown away."""
    return lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


_BUFFER = memoryview(bytearray(1 << 20))


def drop(path: str) -> None:
    """The floor: have the kernel write its text, and throw it away."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        while os.readv(descriptor, [_BUFFER]):
            pass
    finally:
        os.close(descriptor)


class Line(NamedTuple):
    """One line of the table; reached is None for what has no goal."""

    work: str
    where: str
    measured: str
    goal: str
    reached: bool | None


def at_most(work: str, where: str, ratio: float, limit: float, unit: str = "× floor") -> Line:
    return Line(work, where, f"{ratio:.3g} {unit}", f"≤ {limit:g}", ratio <= limit)


def at_least(work: str, where: str, ratio: float, limit: float, unit: str = "× faster") -> Line:
    return Line(work, where, f"{ratio:.3g} {unit}", f"≥ {limit:g}", ratio >= limit)


def told(work: str, where: str, measured: str) -> Line:
    return Line(work, where, measured, "", None)
