"""Growth by mapping from maps and the pages, beside the floor of smaps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

from benchmarks import targets
from benchmarks.measure import Line, Work, at_most, drop, interleaved, told
from memlab.model.occupancy import Occupancy, from_pages, spans
from memlab.observe import occupancy as cheapest
from memlab.procfs import maps_table, page_scan, pagemap
from memlab.procfs.host import Host

SIZES = (50, 1000, 10_000, 60_000)


def lines() -> Iterator[Line]:
    for count in SIZES:
        for kind in ("uniform", "mixed"):
            rounds = 9 if count > 20_000 else 31
            yield from _of(
                targets.mappings(count, kind), f"{count:,} mappings, {kind}", rounds, count >= 1000
            )
    yield from _of(targets.python_with("numpy", "pandas"), "Python with numpy, pandas", 31, False)


def _of(
    started: AbstractContextManager[targets.Target], where: str, rounds: int, goal: bool
) -> Iterator[Line]:
    host = Host()
    with started as target:
        path = f"/proc/{target.pid}/smaps"

        def by_pagemap() -> Occupancy:
            mappings = maps_table.read(host, target.pid)
            return from_pages(mappings, pagemap.read_runs(host, target.pid, spans(mappings)))

        where_to_look = spans(maps_table.read(host, target.pid))

        def kernels_own() -> None:
            drop(f"/proc/{target.pid}/maps")
            if source == "PAGEMAP_SCAN":
                page_scan.read(host, target.pid, where_to_look)

        source = cheapest.read(host, target.pid).source
        works: dict[str, Work] = {
            "floor": lambda: drop(path),
            "maps": lambda: drop(f"/proc/{target.pid}/maps"),
            "kernel": kernels_own,
            "scan": lambda: cheapest.read(host, target.pid),
            "pagemap": by_pagemap,
        }
        took = interleaved(works, rounds)
    ratio = took["scan"] / took["floor"]
    work = f"growth by maps + {source}"
    if goal:
        yield at_most(work, where, ratio, 0.35, "× floor of smaps")
    else:
        yield told(work, where, f"{ratio:.3g} × floor of smaps")
    others = {
        "kernel": f"maps + {source}, not looked at",
        "maps": "maps, not looked at",
        "pagemap": "growth by maps + pagemap",
    }
    if source != "PAGEMAP_SCAN":
        del others["kernel"]
    for name, work in others.items():
        yield told(work, where, f"{took[name] / took['floor']:.3g} × floor of smaps")
