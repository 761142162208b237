"""Many processes at a fixed rate: their sizes five times a second, their faults once.

A process costs two descriptors that stay open, some 20 microseconds of CPU a second, and a row of
numbers in tables that do not grow with time.
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memlab.errors import MemlabError
from memlab.observe.processes import pids
from memlab.procfs import stat, tables
from memlab.procfs.host import Host, Kept

INTERVAL = 0.2
STAT_EVERY = 5  # looks
FIND_EVERY = (
    10  # looks; a multiple of the former, so that a new process has all its columns at once
)
INSTANTS = 300  # that are kept: a minute
MAX_PROCESSES = 4096  # 35 MiB of instants

_STARTTIME = tables.STAT.index("starttime")
_ONE_READ = 4096  # more than any line of stat or statm


class History(NamedTuple):
    """What is kept of one process, oldest first: int64 columns beside float64 monotonic seconds.

    size, resident, shared in bytes at `times`; rss in bytes, minflt, majflt, starttime (as
    tables.STAT) at `stat_times`.
    """

    times: NDArray[np.float64]
    statm: dict[str, tables.Column]
    stat_times: NDArray[np.float64]
    stat: dict[str, tables.Column]


class _Ring:
    """The last instants of many rows: overwritten from the oldest on."""

    def __init__(self, instants: int, names: Sequence[str]) -> None:
        self._names = names
        self._times = np.zeros(instants)
        self._values = np.zeros((instants, 0, len(names)), np.int64)
        self.count = 0

    def grow(self, rows: int) -> None:
        """Room for so many rows."""
        instants, have, names = self._values.shape
        if rows > have:
            more = np.zeros((instants, max(rows, 2 * have) - have, names), np.int64)
            self._values = np.concatenate((self._values, more), axis=1)

    def add(self, now: float, rows: NDArray[np.int64], values: tables.Column) -> None:
        slot = self.count % len(self._times)
        self._times[slot] = now
        self._values[slot, rows] = values
        self.count += 1

    def last(self, rows: NDArray[np.int64]) -> dict[str, tables.Column]:
        values = self._values[(self.count - 1) % len(self._times), rows]
        return {name: values[:, i] for i, name in enumerate(self._names)}

    def of(self, row: int, born: int) -> tuple[NDArray[np.float64], dict[str, tables.Column]]:
        """(times, columns) of a row since the instant `born`, as far as they are kept."""
        first = max(born, self.count - len(self._times))
        slots = np.arange(first, self.count) % len(self._times)
        values = self._values[slots, row]
        return self._times[slots], {name: values[:, i] for i, name in enumerate(self._names)}


class _Process:
    """A row, and how its two files are read."""

    def __init__(self, pid: int, starttime: int, row: int, born: tuple[int, int]) -> None:
        self.pid = pid
        self.starttime = starttime
        self.row = row
        self.born = born
        self.kept: list[Kept] = []
        self.read_statm: Callable[[], bytes]
        self.read_stat: Callable[[], bytes]


class Crowd:
    """All processes that have memory, or those of `only`, by (pid, starttime).

    statm is read at every look, stat at every fifth, /proc is listed at every tenth. Files stay
    open as far as the limit of descriptors allows (`descriptors` of them; by default what is
    free, less a quarter of RLIMIT_NOFILE); the others are opened each time, which
    `opened_each_time` counts. Who ends is forgotten, who has no memory (kernel threads, zombies)
    is not taken up, and of more than MAX_PROCESSES the last are `left_out` (a count, kernel threads
    and zombies among them). Of a process whose files are
    not kept, a successor with the same pid is told apart within a second, not at once.
    """

    def __init__(
        self,
        host: Host | None = None,
        *,
        only: Collection[int] | None = None,
        instants: int = INSTANTS,
        descriptors: int | None = None,
    ) -> None:
        self._host = host or Host()
        self._only = only
        self._free = _spare_descriptors(self._host) if descriptors is None else descriptors
        self._statm = _Ring(instants, tables.STATM)
        self._stat = _Ring(max(1, instants // STAT_EVERY), tables.STAT)
        self._known: dict[int, _Process] = {}
        self._idle_rows: list[int] = []
        self._looks = 0
        self.left_out = 0
        self._arrange()

    def look(self, now: float | None = None) -> None:
        """Read everybody once; `now` is the time to note, by default the monotonic clock."""
        now = time.monotonic() if now is None else now
        if self._looks % FIND_EVERY == 0:
            self._find()
        texts = self._texts([one.read_statm for one in self._crowd])
        self._statm.add(now, self._rows, tables.parse_statm(texts, self._pids))
        if self._looks % STAT_EVERY == 0:
            self._look_at_stat(now)
        self._looks += 1

    def looks(
        self, seconds: float | None = None, stop: threading.Event | None = None
    ) -> Iterator[float]:
        """Look every 0.2 s, at absolute deadlines, and yield the monotonic time of each look."""
        stop = stop or threading.Event()
        start, tick = time.monotonic(), 0
        while seconds is None or tick * INTERVAL < seconds:
            now = time.monotonic()
            self.look(now)
            yield now
            tick = max(tick + 1, int((time.monotonic() - start) / INTERVAL))
            if stop.wait(max(0.0, start + tick * INTERVAL - time.monotonic())):
                return

    def table(self) -> dict[str, tables.Column]:
        """The latest of everybody, a column each: pid, starttime, size, resident, shared, rss, minflt, majflt.

        Sizes in bytes. A process that was found by the last look is in it, one that ended is not.
        """
        columns = {"pid": np.array(self._pids, np.int64)}
        return columns | self._stat.last(self._rows) | self._statm.last(self._rows)

    def history(self, pid: int) -> History:
        """What is kept of one; KeyError for whom it does not know."""
        one = self._known[pid]
        return History(*self._statm.of(one.row, one.born[0]), *self._stat.of(one.row, one.born[1]))

    @property
    def opened_each_time(self) -> int:
        """Files that are not kept open, for want of descriptors."""
        return sum(2 - len(one.kept) for one in self._crowd)

    def close(self) -> None:
        """Forget everybody and give the descriptors back."""
        self._drop(list(self._crowd))

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._crowd)

    def _texts(self, reads: list[Callable[[], bytes]]) -> list[bytes]:
        """What is read; who cannot be read any more is dropped, so that the rest are the crowd."""
        texts: list[bytes] = []
        lost: list[_Process] = []
        for position, read in enumerate(reads):
            try:
                texts.append(read())
            except MemlabError:
                lost.append(self._crowd[position])
        if lost:
            self._drop(lost)
        return texts

    def _look_at_stat(self, now: float) -> None:
        texts = self._texts([one.read_stat for one in self._crowd])
        values = tables.parse_stat(texts, self._pids)
        mine = values[:, _STARTTIME] == self._starttimes
        rows = self._rows
        if not mine.all():
            rows, values = rows[mine], values[mine]
            others = [one for one, same in zip(self._crowd, mine, strict=True) if not same]
            self._drop(others)
        self._stat.add(now, rows, values)

    def _find(self) -> None:
        """Take up who is new."""
        listed = pids(self._host) if self._only is None else self._only
        fresh = [pid for pid in listed if pid not in self._known]
        taken = []
        while fresh and len(self._known) < MAX_PROCESSES:
            one = self._meet(fresh.pop(0))
            if one is not None:
                taken.append(one)
        self.left_out = len(fresh)
        for one in taken:  # statm of all before stat of any: it is read five times as often
            one.read_statm = self._reader(one, "statm")
        for one in taken:
            one.read_stat = self._reader(one, "stat")
        if taken:
            self._arrange()

    def _meet(self, pid: int) -> _Process | None:
        """A new process with a row; None for who has no memory, or ended."""
        try:
            found = stat.read(self._host, pid)
        except MemlabError:
            return None
        if found.vsize == 0:
            return None
        row = self._idle_rows.pop() if self._idle_rows else len(self._known)
        for ring in (self._statm, self._stat):
            ring.grow(row + 1)
        one = _Process(pid, found.starttime, row, (self._statm.count, self._stat.count))
        self._known[pid] = one
        return one

    def _reader(self, one: _Process, name: str) -> Callable[[], bytes]:
        path = f"/proc/{one.pid}/{name}"
        if self._free > 0:
            try:
                kept = self._host.keep(path, in_one_piece=True)
            except (
                MemlabError
            ):  # it has ended, which the next read tells, or somebody took the descriptors
                pass
            else:
                self._free -= 1
                one.kept.append(kept)
                return kept.read
        return partial(self._host.read_at, path, 0, _ONE_READ)

    def _drop(self, lost: Sequence[_Process]) -> None:
        for one in lost:
            del self._known[one.pid]
            self._idle_rows.append(one.row)
            for kept in one.kept:
                kept.close()
            self._free += len(one.kept)
        self._arrange()

    def _arrange(self) -> None:
        """What every look needs, made again when somebody comes or goes."""
        self._crowd = list(self._known.values())
        self._pids = [one.pid for one in self._crowd]
        self._rows = np.array([one.row for one in self._crowd], np.int64)
        self._starttimes = np.array([one.starttime for one in self._crowd], np.int64)


def _spare_descriptors(host: Host) -> int:
    """How many may stay open: a quarter of the limit is left to the rest of the program."""
    limit, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return 2 * MAX_PROCESSES
    try:
        used = len(host.listdir("/proc/self/fd"))
    except MemlabError:
        used = limit // 4
    return max(0, limit - limit // 4 - used)
