"""1,000 processes, statm five times a second and stat once, beside reading the same and dropping it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import psutil

from benchmarks import targets
from benchmarks.measure import Line, Work, at_most, interleaved, told
from memlab.observe.many import FIND_EVERY, INTERVAL, STAT_EVERY, Crowd

_COUNT = 1000
_ROUNDS = 15
_SECONDS = 10


def lines() -> Iterator[Line]:
    where = f"{_COUNT:,} processes"
    with targets.idle(_COUNT) as pids, Crowd(only=pids) as crowd, _Floor(pids) as floor:
        listed = Crowd()  # finds whoever is new in all of /proc, as a user's would
        for one in (crowd, listed):
            one.look()
        yield told("statm 5 Hz, stat 1 Hz, files kept open", where, _kept(crowd))
        works: dict[str, Work] = {
            "floor": lambda: _looks(floor.look),
            "ours": lambda: _looks(crowd.look),
            "all": lambda: _looks(listed.look),
        }
        took = interleaved(works, _ROUNDS)
        theirs = _psutil(pids)
        took |= interleaved({"psutil": lambda: _looks(theirs)}, 3)
        yield told(
            "statm 5 Hz, stat 1 Hz, floor", where, f"{took['floor'] / 2 * 1e3:.3g} ms a second"
        )
        ratio = took["ours"] / took["floor"]
        yield at_most("statm 5 Hz, stat 1 Hz", where, ratio, 2.5)
        ratio = took["all"] / took["floor"]
        yield told(
            "statm 5 Hz, stat 1 Hz, all of /proc",
            f"{len(listed):,} processes",
            f"{ratio:.3g} × floor of 1,000",
        )
        yield told(
            "statm 5 Hz, stat 1 Hz, psutil", where, f"{took['psutil'] / took['floor']:.3g} × floor"
        )
        listed.close()
        for name, look in (("floor", floor.look), ("memlab", crowd.look)):
            share = _share(look)
            yield told(
                f"share of a core at 5 Hz, {name}", f"{where}, {_SECONDS} s", f"{share:.3g} %"
            )
    with (
        targets.idle(_COUNT) as pids,
        Crowd(only=pids, descriptors=700) as few,
        _Floor(pids) as floor,
    ):
        few.look()
        took = interleaved(
            {"floor": lambda: _looks(floor.look), "ours": lambda: _looks(few.look)}, 5
        )
        where = f"{where}, 700 descriptors"
        yield told("statm 5 Hz, stat 1 Hz", where, f"{took['ours'] / took['floor']:.3g} × floor")


class _Floor:
    """Reads at the same rates, by descriptors that stay open, and keeps nothing."""

    def __init__(self, pids: list[int]) -> None:
        self._statm, self._stat = (
            [os.open(f"/proc/{pid}/{name}", os.O_RDONLY) for pid in pids]
            for name in ("statm", "stat")
        )
        self._looks = 0

    def look(self) -> None:
        for descriptor in self._statm:
            os.pread(descriptor, 448, 0)
        if self._looks % STAT_EVERY == 0:
            for descriptor in self._stat:
                os.pread(descriptor, 448, 0)
        self._looks += 1

    def __enter__(self) -> _Floor:
        return self

    def __exit__(self, *_exc: object) -> None:
        for descriptor in (*self._statm, *self._stat):
            os.close(descriptor)


def _looks(look: Callable[[], object]) -> None:
    """Two seconds of looks without the waiting: one listing of /proc, two times stat."""
    for _ in range(FIND_EVERY):
        look()


def _psutil(pids: list[int]) -> Callable[[], object]:
    """memory_info() reads statm; page faults it does not offer."""
    processes = [psutil.Process(pid) for pid in pids]
    return lambda: [process.memory_info() for process in processes]


def _kept(crowd: Crowd) -> str:
    return f"{2 * len(crowd) - crowd.opened_each_time:,} of {2 * len(crowd):,}"


def _share(look: Callable[[], object]) -> float:
    """Percent of a core, really waiting between the looks: the caches cool meanwhile."""
    start, cpu = time.monotonic(), time.thread_time()
    for tick in range(1, int(_SECONDS / INTERVAL) + 1):
        look()
        time.sleep(max(0.0, start + tick * INTERVAL - time.monotonic()))
    return (time.thread_time() - cpu) / (time.monotonic() - start) * 100
