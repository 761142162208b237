"""Reads the memory columns of `top` for all processes, or for some."""

from __future__ import annotations

from collections.abc import Collection

from memlab.errors import Gone, Unsupported
from memlab.model.top import Row, Top, row
from memlab.observe.processes import pids
from memlab.procfs import meminfo, stat, statm, status
from memlab.procfs.host import Host


def look(host: Host, only: Collection[int] = (), most: int | None = None) -> Top:
    """Everybody at one instant, kernel threads and zombies too, which have nothing; `most` rows.

    Whoever ends meanwhile is left out; of `only`, raises Gone where one is not there to begin with.
    """
    for pid in only:
        stat.read(host, pid)
    rows = [found for pid in only or pids(host) if (found := _row(host, pid)) is not None]
    rows.sort(key=lambda one: (-one.res, one.pid))
    shown = rows[:most]
    return Top(tuple(shown), meminfo.read(host).mem_total, len(rows) - len(shown))


def _row(host: Host, pid: int) -> Row | None:
    try:
        return row(statm.read(host, pid), stat.read(host, pid), status.read(host, pid))
    except (Gone, Unsupported):
        return None
