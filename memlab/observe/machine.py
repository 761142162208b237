"""A whole machine over time: all processes by statm, and what belongs to no process."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from functools import partial

from memlab import __version__
from memlab.errors import MemlabError
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.observe.behind import Behind
from memlab.observe.holdings import Holdings
from memlab.observe.many import INTERVAL, Crowd
from memlab.observe.outside import allowed
from memlab.observe.pace import Pace
from memlab.procfs import cgroups, comm, dentry_state, mountinfo
from memlab.procfs.host import Host, Tee

SHARE = 0.01  # of a core, for all but the sizes of the processes
RECLAIM = "/sys/kernel/slab/{name}/reclaim_account"
_FILES = (
    "/proc/meminfo",
    "/proc/vmstat",
    "/proc/zoneinfo",
    "/proc/sysvipc/shm",
    "/proc/sysvipc/msg",
)
# first and last: the former adds up counters of all CPUs that there may be, which takes half a millisecond
_ENDS = (dentry_state.PATH, cgroups.PATH)
# root's own. The kernel makes the former under slab_mutex, each line of the latter under the lock of its areas: so
# seldom. But there are a hundred caches, and of so many one must rise on seven floors, of two readings each
_SLABS, _AREAS = "/proc/slabinfo", "/proc/vmallocinfo"
_ROOTS_EVERY = 0.5  # seconds
# a verdict needs no more readings of these than some dozens, and their texts are kept
_MOST_LOOKS = 120


def watch_machine(
    seconds: float, stop: threading.Event | None = None, budget: float = SHARE
) -> Recording:
    """Look at all of it for `seconds`, or until `stop` is set or Ctrl-C is pressed.

    Samples hold the machine's own files (slabinfo and vmallocinfo for root only), what every process holds in the
    kernel (`holdings`), and of those that open more and more what lies behind (`behind`); of each process that is
    there at the end the series `PID comm` (bytes: resident less shared) are `given`.
    """
    host = Host()
    watch = _Watch(host, budget, seconds)
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
    """Reads what is not in the sizes of processes, each part at a pace of its own."""

    def __init__(self, host: Host, budget: float, seconds: float) -> None:
        self._host, self.samples = host, list[Sample]()
        mounts = mountinfo.read(host, "self")
        self._places = sorted({m.mount_point for m in mounts if m.is_tmpfs})
        least = max(INTERVAL, seconds / _MOST_LOOKS)
        self._pace = Pace(budget * 0.12, INTERVAL)
        self._root_only = {
            _SLABS: Pace(budget * 0.1, max(_ROOTS_EVERY, least)),
            _AREAS: Pace(budget * 0.08, max(_ROOTS_EVERY, least)),
        }
        self._holdings = Holdings(host, budget * 0.55, least)
        self._behind = Behind(host, budget * 0.15, least)

    def look(self, now: float, must: bool = False) -> None:
        """Read what is due; `must` reads all of it, and what is asked once."""
        if not must and not self._pace.due(now):
            return
        tee, cpu, start = Tee(self._host), time.thread_time(), time.monotonic()
        for path in _FILES:
            allowed(partial(tee.read, path))
        for place in self._places:
            allowed(partial(tee.statvfs, place))
        if must or not self.samples:
            for path in _ENDS:
                allowed(partial(tee.read, path))
        if must:  # parsing it is dear, and the mounts are asked by their places
            allowed(partial(tee.read, f"/proc/{os.getpid()}/mountinfo"))
        if self.samples:  # the first look is start-up
            self._pace.done(time.monotonic(), time.thread_time() - cpu)
        if os.geteuid() == 0:
            self._look_as_root(tee, now, must)
        if must or self._holdings.due(now):
            self._holdings.look(tee)
        self._behind.look(tee, self._holdings.gained, must)
        end = time.monotonic()
        spent = time.thread_time() - cpu
        middle, wall = (start + end) / 2, time.time()
        self.samples.append(
            Sample(len(self.samples), os.getpid(), middle, wall, end - start, spent, tee.texts)
        )

    def _look_as_root(self, tee: Tee, now: float, must: bool) -> None:
        for path, pace in self._root_only.items():
            if must or pace.due(now):
                before = time.thread_time()
                allowed(partial(tee.read, path))
                pace.done(time.monotonic(), time.thread_time() - before)
        if must:
            self._ask_which_are_reclaimable(tee)

    def _ask_which_are_reclaimable(self, tee: Tee) -> None:
        """Two lines of text a cache: once, at the end."""
        for line in tee.texts.files.get(_SLABS, b"").splitlines()[2:]:
            name = line.split(b" ")[0].decode(errors="replace")
            allowed(partial(tee.read, RECLAIM.format(name=name)))


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
