"""What a target's own mmap and munmap suffer while its mappings are read."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

from benchmarks import targets
from benchmarks.measure import Line, at_most, told
from memlab.observe import occupancy
from memlab.observe.sampler import DEFAULT_STALL, Sampler
from memlab.procfs import maps, smaps, statm
from memlab.procfs.host import Host

_ROUNDS = 7
_SUM, _LONGEST = "delay of mmap + munmap, sum", "delay of mmap + munmap, longest"
_NO_SMAPS = ("statm", "maps", "maps + PAGEMAP_SCAN")
_SAMPLER = "the sampler"
Passes = dict[str, Callable[[], object]]


def lines() -> Iterator[Line]:
    host = Host()
    with targets.mappings(60_000, "uniform") as target:
        found = _disturbed(
            target,
            {
                "nobody looks": lambda: time.sleep(0.1),
                "statm": lambda: statm.read(host, target.pid),
                "maps": lambda: maps.read(host, target.pid),
                "maps + PAGEMAP_SCAN": lambda: occupancy.read(host, target.pid),
                "smaps": lambda: smaps.read(host, target.pid),
                _SAMPLER: lambda: Sampler(target.pid).take(),
            },
        )
    yield from _told(found, "60,000 mappings")
    # as many as the sampler still reads by smaps, or nearly
    with targets.mappings(20_000, "uniform") as target:
        found = _disturbed(target, {_SAMPLER: lambda: Sampler(target.pid).take()})
    yield from _told(found, "20,000 mappings")


def _disturbed(target: targets.Target, passes: Passes) -> dict[str, list[targets.Disturbance]]:
    found: dict[str, list[targets.Disturbance]] = {name: [] for name in passes}
    for _ in range(_ROUNDS):
        for name, look in passes.items():
            target.go()
            time.sleep(0.02)  # until the loop runs
            look()
            found[name].append(target.stop())
    return found


def _told(found: dict[str, list[targets.Disturbance]], whom: str) -> Iterator[Line]:
    for name, disturbances in found.items():
        delayed = statistics.median(one.delayed_ms for one in disturbances)
        longest = statistics.median(one.longest_ms for one in disturbances)
        where = f"{whom}, {name}"
        if name in _NO_SMAPS:
            yield at_most(_SUM, where, delayed, 30, "ms")
        elif name == _SAMPLER:
            yield at_most(_SUM, where, delayed, DEFAULT_STALL * 1e3, "ms")
        else:
            yield told(_SUM, where, f"{delayed:.3g} ms")
        if name == "smaps":
            yield at_most(_LONGEST, where, longest, 20, "ms")
        else:
            yield told(_LONGEST, where, f"{longest:.3g} ms")
