"""One pass over all processes by smaps_rollup, beside the kernel's floor and smem."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager

from benchmarks import targets
from benchmarks.measure import Line, Work, at_least, at_most, drop, interleaved, program, told
from memlab.observe.processes import rollups
from memlab.procfs.host import Host

_ROUNDS = 21


def lines() -> Iterator[Line]:
    yield from _with(targets.idle(300), "300 small C programs")
    yield from _with(targets.forked(100, "numpy"), "100 Pythons with numpy")


def _with(started: AbstractContextManager[list[int]], whom: str) -> Iterator[Line]:
    host = Host()
    with started as pids:
        read = rollups(host)
        if not read.keys() >= set(pids):
            raise RuntimeError("not all processes were read")
        where = f"{whom}, {len(read)} in all"
        works: dict[str, Work] = {"floor": _floor, "ours": lambda: rollups(host)}
        if shutil.which("smem"):
            works["smem"] = program("smem")
        took = interleaved(works, _ROUNDS)
    yield told("all processes by smaps_rollup, floor", where, f"{took['floor'] * 1e3:.3g} ms")
    ratio = took["ours"] / took["floor"]
    yield at_most("all processes by smaps_rollup", where, ratio, 1.10)
    if "smem" in took:
        yield at_least("all processes, beside smem", where, took["smem"] / took["ours"], 6)


def _floor() -> None:
    """The same listing and the same files, kernel threads too, which refuse."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:  # suppress() costs as much as a system call
                drop(f"/proc/{name}/smaps_rollup")
            except OSError:
                pass
