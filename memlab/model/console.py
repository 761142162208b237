"""What a global OOM report costs on a serial console, cell by cell, and what each place of the log keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from memlab.errors import Malformed


@dataclass(frozen=True)
class Cell:
    """One report. baud: of the console; loglevel: of the console; dump_tasks: vm.oom_dump_tasks.

    report_seconds: from its first line to `Killed process …`, by the kernel's own time stamps; stall_seconds: the
    longest time for which a process that only wants to wake up each millisecond did not; lines: of the report in
    the ring buffer; ring_, console_, file_lines: how many of them dmesg, the console and the syslog daemon's file
    have; console_bytes: what went over the line; tasks: rows of the report's table as dmesg has it;
    victim_on_console, victim_in_file: whether that place says who was killed.
    """

    baud: int
    loglevel: int
    dump_tasks: int
    report_seconds: float
    stall_seconds: float
    lines: int
    console_lines: int
    console_bytes: int
    file_lines: int
    tasks: int
    victim_on_console: bool
    victim_in_file: bool


@dataclass(frozen=True)
class Measured:
    """All cells of one guest. crowd: processes that it held beside its own; memory: bytes that it had.

    times: how often cells below a second were measured; the one that waited least is kept.
    """

    kernel: str
    cpus: int
    memory: int
    crowd: int
    times: int
    cells: tuple[Cell, ...]

    def cell(self, baud: int, loglevel: int, dump_tasks: int) -> Cell | None:
        """The one with these settings; None where it was not measured."""
        wanted = (baud, loglevel, dump_tasks)
        found = (one for one in self.cells if (one.baud, one.loglevel, one.dump_tasks) == wanted)
        return next(found, None)

    def as_dict(self) -> dict[str, Any]:
        """For a file of JSON."""
        return asdict(self)


def measured(fields: Mapping[str, Any]) -> Measured:
    """Back from `as_dict`; raises Malformed on anything else."""
    try:
        cells = tuple(Cell(**one) for one in fields["cells"])
        return Measured(**{**fields, "cells": cells})
    except (TypeError, KeyError) as error:
        raise Malformed(
            "console table", 0, "", f"is none of `memlab kernel lab console` ({error})"
        ) from None
