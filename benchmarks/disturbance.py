"""What a target's own mmap and munmap suffer while 60,000 mappings are read."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

from benchmarks import targets
from benchmarks.measure import Line, at_most, told
from memlab.observe import occupancy
from memlab.procfs import maps, smaps, statm
from memlab.procfs.host import Host

_ROUNDS = 7


def lines() -> Iterator[Line]:
    host = Host()
    with targets.mappings(60_000, "uniform") as target:
        passes: dict[str, Callable[[], object]] = {
            "nobody looks": lambda: time.sleep(0.1),
            "statm": lambda: statm.read(host, target.pid),
            "maps": lambda: maps.read(host, target.pid),
            "maps + PAGEMAP_SCAN": lambda: occupancy.read(host, target.pid),
            "smaps": lambda: smaps.read(host, target.pid),
        }
        found: dict[str, list[targets.Disturbance]] = {name: [] for name in passes}
        for _ in range(_ROUNDS):
            for name, look in passes.items():
                target.go()
                time.sleep(0.02)  # until the loop runs
                look()
                found[name].append(target.stop())
    for name, disturbances in found.items():
        delayed = statistics.median(one.delayed_ms for one in disturbances)
        longest = statistics.median(one.longest_ms for one in disturbances)
        where = f"60,000 mappings, {name}"
        if name in ("statm", "maps", "maps + PAGEMAP_SCAN"):
            yield at_most("delay of mmap + munmap, sum", where, delayed, 30, "ms")
        else:
            yield told("delay of mmap + munmap, sum", where, f"{delayed:.3g} ms")
        if name == "smaps":
            yield at_most("delay of mmap + munmap, longest", where, longest, 20, "ms")
        else:
            yield told("delay of mmap + munmap, longest", where, f"{longest:.3g} ms")
