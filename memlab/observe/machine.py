"""A whole machine over time: all processes by statm, and what belongs to no process."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from memlab import __version__
from memlab.errors import Denied, Gone, MemlabError, Unsupported
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.observe.many import INTERVAL, Crowd
from memlab.observe.pace import Pace
from memlab.procfs import comm, mountinfo
from memlab.procfs.host import Host, Tee

SHARE = 0.01  # of a core, for what belongs to no process
RECLAIM = "/sys/kernel/slab/{name}/reclaim_account"
_FILES = (
    "/proc/meminfo",
    "/proc/vmstat",
    "/proc/zoneinfo",
    "/proc/sysvipc/shm",
    "/proc/sysvipc/msg",
)
_SLABS_EVERY = 1.0  # seconds


def watch_machine(
    seconds: float, stop: threading.Event | None = None, budget: float = SHARE
) -> Recording:
    """Look at all of it for `seconds`, or until `stop` is set or Ctrl-C is pressed.

    Samples hold the machine's own files (slabinfo for root only); of each process that is there at the end
    the series `PID comm` (bytes: resident less shared) are `given`.
    """
    host = Host()
    watch = _Watch(host, budget)
    with Crowd(host, instants=int(seconds / INTERVAL) + 2) as crowd:
        with suppress(KeyboardInterrupt):
            for now in crowd.looks(seconds, stop):
                watch.look(now)
        watch.look(time.monotonic(), must=True)
        given = dict(_histories(host, crowd))
    header = Header(
        target={"machine": socket.gethostname(), "pid": 0},
        host={"page_bytes": host.page_bytes, "cpus": os.cpu_count() or 1},
        asked={"seconds": seconds, "budget": budget},
        memlab=__version__,
    )
    return Recording(header, watch.samples, given=given)


class _Watch:
    """Reads what belongs to no process, at a pace."""

    def __init__(self, host: Host, budget: float) -> None:
        self._host, self.samples = host, list[Sample]()
        mounts = mountinfo.read(host, "self")
        self._places = sorted({m.mount_point for m in mounts if m.is_tmpfs})
        self._pace, self._slabs = Pace(budget * 0.6, INTERVAL), Pace(budget * 0.4, _SLABS_EVERY)

    def look(self, now: float, must: bool = False) -> None:
        if not must and not self._pace.due(now):
            return
        tee, cpu, start = Tee(self._host), time.thread_time(), time.monotonic()
        for path in _FILES:
            _allowed(partial(tee.read, path))
        for place in self._places:
            _allowed(partial(tee.statvfs, place))
        if must:  # parsing it is dear, and the mounts are asked by their places
            _allowed(partial(tee.read, f"/proc/{os.getpid()}/mountinfo"))
        self._pace.done(time.monotonic(), time.thread_time() - cpu)
        if os.geteuid() == 0 and (must or self._slabs.due(now)):
            before = time.thread_time()
            _allowed(partial(tee.read, "/proc/slabinfo"))
            self._slabs.done(time.monotonic(), time.thread_time() - before)
            if must:
                self._ask_which_are_reclaimable(tee)
        end = time.monotonic()
        spent = time.thread_time() - cpu
        middle, wall = (start + end) / 2, time.time()
        self.samples.append(
            Sample(len(self.samples), os.getpid(), middle, wall, end - start, spent, tee.texts)
        )

    def _ask_which_are_reclaimable(self, tee: Tee) -> None:
        """Two lines of text a cache: once, at the end."""
        for line in tee.texts.files.get("/proc/slabinfo", b"").splitlines()[2:]:
            name = line.split(b" ")[0].decode(errors="replace")
            _allowed(partial(tee.read, RECLAIM.format(name=name)))


def _histories(host: Host, crowd: Crowd) -> list[tuple[str, Series]]:
    found = []
    for pid in map(int, crowd.table()["pid"]):
        if pid == os.getpid():
            continue  # what looking keeps
        history = crowd.history(pid)
        try:
            name = comm.read(host, pid)
        except MemlabError:
            continue  # it has ended
        title = f"{pid} {name}"
        values = history.statm["resident"] - history.statm["shared"]
        series = Series(
            title, history.times, values.astype(float), "bytes", "statm resident - shared"
        )
        found.append((title, series))
    return found


def _allowed(read: Callable[[], object]) -> None:
    with suppress(Denied, Gone, Unsupported):
        read()
