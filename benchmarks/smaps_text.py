"""smaps read and parsed to columns, beside the kernel's floor, psutil and pmap."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager

import psutil

from benchmarks import targets
from benchmarks.measure import Line, Work, at_least, at_most, drop, interleaved, program, told
from memlab.procfs import smaps
from memlab.procfs.host import Host

SIZES = (50, 1000, 10_000, 60_000)


def lines() -> Iterator[Line]:
    for count in SIZES:
        for kind in ("uniform", "mixed"):
            rounds = 9 if count > 20_000 else 31
            where = f"{count:,} mappings, {kind}"
            yield from _of(targets.mappings(count, kind), where, rounds, count >= 1000)
    yield from _of(targets.python_with("numpy", "pandas"), "Python with numpy, pandas", 31, False)


def _of(
    started: AbstractContextManager[targets.Target], where: str, rounds: int, goals: bool
) -> Iterator[Line]:
    with started as target:
        path = f"/proc/{target.pid}/smaps"
        host, again = Host(), smaps.Reader(Host(), target.pid)
        process = psutil.Process(target.pid)
        again.read()
        works: dict[str, Work] = {
            "floor": lambda: drop(path),
            "cold": lambda: smaps.read(host, target.pid),
            "warm": again.read,
            "psutil": lambda: process.memory_maps(grouped=False),
        }
        if shutil.which("pmap"):
            works["pmap"] = program("pmap", "-x", str(target.pid))
        took = interleaved(works, rounds)
        alone = interleaved({name: works[name] for name in ("floor", "cold")}, rounds)
    floor = took["floor"]
    yield told("smaps, floor", where, f"{floor * 1e3:.3g} ms")
    for name, limit, faster in (("cold", 1.20, 3.5), ("warm", 1.08, 4.0)):
        ratio, gain = took[name] / floor, took["psutil"] / took[name]
        if goals:
            yield at_most(f"smaps, {name}", where, ratio, limit)
            yield at_least(f"smaps, {name}, beside psutil", where, gain, faster)
        else:
            yield told(
                f"smaps, {name}", where, f"{ratio:.3g} × floor; {gain:.3g} × faster than psutil"
            )
    ratio = alone["cold"] / alone["floor"]
    yield told("smaps, cold, in turns with the floor alone", where, f"{ratio:.3g} × floor")
    beyond = (took["cold"] - floor) * 1e3
    yield told("smaps, cold, beyond the floor", where, f"{beyond:.3g} ms")
    yield told("smaps, psutil", where, f"{took['psutil'] / floor:.3g} × floor")
    if "pmap" in took:
        yield told("smaps, pmap -x", where, f"{took['pmap'] / floor:.3g} × floor")
