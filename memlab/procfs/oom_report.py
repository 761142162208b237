"""OOM reports in the kernel's log: the only reader (mm/oom_kill.c; the lines one by one: `memlab.procfs.oom`).

Of any kernel from 2.6 on, from dmesg, syslog, journal or /dev/kmsg, with other lines between, cut at either
end. Text is hostile: nothing raises, time grows with the bytes read, and memory has a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from memlab.procfs.kmsg import records
from memlab.procfs.oom.collect import MOST_CHARACTERS, Collector, of_text
from memlab.procfs.oom.records import Killed, Report, Row

__all__ = ["Killed", "Log", "Report", "Row", "kmsg", "parse", "stream"]

MOST_BYTES = 1 << 28  # of a log: some three million lines, half a minute


@dataclass(frozen=True)
class Log:
    """What a log held. dropped: reports beyond those that are kept; cut: it is longer than what was read."""

    reports: tuple[Report, ...]
    dropped: int = 0
    cut: bool = False


def parse(text: bytes) -> tuple[Report, ...]:
    """All reports of a log, in its order; none where it holds no report."""
    collector = Collector()
    for line in of_text(text[:MOST_BYTES]):
        collector.feed(line)
    return collector.finished()


def stream(file: BinaryIO) -> Log:
    """The same of a file of any size, which is never whole in memory; a line may be of any length."""
    collector, read, fresh = Collector(), 0, True
    while read < MOST_BYTES and (piece := file.readline(MOST_CHARACTERS)):
        read += len(piece)
        if fresh:  # the rest of a line that is too long is not one of ours
            collector.feed(piece.decode(errors="replace"))
        fresh = piece.endswith(b"\n")
    return Log(collector.finished(), collector.reports_dropped, read >= MOST_BYTES)


def kmsg(path: str = "/dev/kmsg") -> Log:
    """What this kernel's ring buffer still holds. Raises Denied, Unsupported."""
    collector = Collector()
    for record in records(path):
        # what follows the first line are the record's properties
        collector.feed(record.partition(b"\n")[0].decode(errors="replace"))
    return Log(collector.finished(), collector.reports_dropped)
