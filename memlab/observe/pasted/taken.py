"""What a reader of one pasted text makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from memlab.model.series import Series


@dataclass(frozen=True)
class Taken:
    """One text, read.

    what: what it was taken for, and how much of it there is. pid, comm: of the process it is about, where
    it says so. series: by the name of the field that they show. texts: (seconds or None, path below /proc,
    or below /proc/PID where it begins with "PID/", kernel's text). told: sentences it says by itself; cannot:
    what it cannot say. pids: all that it could be read for. program: whose mappings these are, where only they
    tell. of_machine: it is about no process. timed: the times of the series are seconds; else its looks are
    counted, and nobody knows when they were. killed: it tells of the end of that process.
    """

    what: str
    pid: int | None = None
    comm: str | None = None
    series: Mapping[str, Series] = field(default_factory=dict)
    texts: tuple[tuple[float | None, str, bytes], ...] = ()
    told: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    pids: frozenset[int] = frozenset()
    program: str | None = None
    of_machine: bool = False
    timed: bool = True
    killed: bool = False

    @property
    def has_clock(self) -> bool:
        """Whether anything in it is at a time that is known."""
        return (self.timed and any(map(len, self.series.values()))) or any(
            time is not None for time, _, _ in self.texts
        )


def series_of(
    name: str, times: list[float], values: list[float], source: str, unit: str = "bytes"
) -> Series:
    """Sorted by time, the last of several values at one time."""
    latest = dict(zip(times, values, strict=True))
    at = sorted(latest)
    return Series(
        name,
        np.array(at, dtype=float),
        np.array([latest[t] for t in at], dtype=float),
        unit,
        source,
    )
