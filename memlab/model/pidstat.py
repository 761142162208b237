"""What `pidstat -r` says of a process between two instants (sysstat, pidstat.c)."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.model.readings import need_status
from memlab.model.sample import Sample
from memlab.procfs import stat


@dataclass(frozen=True)
class Report:
    """Page faults a second over the interval; sizes at its end, in bytes; share of MemTotal, 0 to 1.

    uid: the real one (status Uid); vsz, rss: stat vsize and rss, which lags behind smaps; comm.
    """

    pid: int
    uid: int
    minor_faults: float
    major_faults: float
    vsz: int
    rss: int
    share: float
    comm: str


def between(before: Sample, now: Sample, mem_total: int) -> Report:
    """Over the time that was really measured; stat must be in both."""
    assert before.stat is not None
    seconds = now.monotonic - before.monotonic
    return _report(now, before.stat.minflt, before.stat.majflt, seconds, mem_total)


def since_start(now: Sample, boot_seconds: float, ticks: int, mem_total: int) -> Report:
    """Over the life of the process; boot_seconds: CLOCK_BOOTTIME at `now`, ticks: of stat, a second."""
    assert now.stat is not None
    return _report(now, 0, 0, boot_seconds - now.stat.starttime / ticks, mem_total)


def _report(now: Sample, minor: int, major: int, seconds: float, mem_total: int) -> Report:
    found: stat.Stat | None = now.stat
    assert found is not None
    return Report(
        pid=now.pid,
        uid=need_status(now).uid[0],
        minor_faults=(found.minflt - minor) / seconds,
        major_faults=(found.majflt - major) / seconds,
        vsz=found.vsize,
        rss=found.rss,
        share=found.rss / mem_total,
        comm=found.comm,
    )
