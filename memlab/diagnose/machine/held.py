"""What each process holds in the kernel, as accounts: descriptors, page tables, threads, children."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from memlab.diagnose.account import Account
from memlab.diagnose.children import GRAIN, dead_or_alive
from memlab.diagnose.descriptors import (
    PAIR,
    descriptor_evidence,
    descriptors_next,
    descriptors_where,
)
from memlab.diagnose.evidence import NEXT
from memlab.diagnose.machine.who import Who
from memlab.diagnose.sums import Part
from memlab.model.holdings import Holding, part_of
from memlab.model.memory import Basis, Pattern
from memlab.model.outside import STACK_BYTES
from memlab.model.recording import Recording
from memlab.model.series import Series
from memlab.units import counted, format_bytes

DESCRIPTORS = "size of /proc/PID/fd"
TABLES = "status VmPTE"
THREADS = "status Threads"
CHILDREN = "status PPid of all processes"


def held(recording: Recording, who: Who) -> list[list[Part]]:
    """Four families of accounts, of all processes that are there at the end and in which something moved."""
    if len(who.looks) < 2:
        return []
    made = (_descriptors, _tables, _threads, _children)
    everybody = [pid for pid in who.looks[-1].held if pid not in _us(recording)]
    return [[part for pid in everybody for part in make(recording, who, pid)] for make in made]


def _us(recording: Recording) -> set[int]:
    """Looking opens files."""
    return {sample.pid for sample in recording}


def _series(
    who: Who,
    pid: int,
    get: Callable[[Holding], float | None],
    source: str,
    unit: str = "count",
) -> Series:
    seen = [(one.monotonic, one.held[pid]) for one in who.looks if pid in one.held]
    read = [(time, value) for time, one in seen if (value := get(one)) is not None]
    times, values = (np.array([pair[n] for pair in read], np.float64) for n in (0, 1))
    return Series(source, times, values, unit, source)


def _moved(series: Series) -> bool:
    return len(series) > 1 and bool(np.ptp(series.values))


def _part(who: Who, pid: int, account: Account, then: str) -> Part:
    born = bool(account.series.times[0] > who.looks[0].monotonic)
    return Part(account, then, pid=pid, born=born)


def _counts(pattern: Pattern, series: Series, grain: float, where: str, unit: str) -> Account:
    return Account((pattern,), Basis.COUNT, grain, series, where, series.source, unit=unit)


def _descriptors(recording: Recording, who: Who, pid: int) -> Iterator[Part]:
    series = _series(who, pid, lambda one: one.descriptors, DESCRIPTORS)
    if not _moved(series):
        return
    seen = part_of(recording, pid)
    account = _counts(Pattern.FD, series, PAIR, "open descriptors", "descriptors")
    where = f"{who(pid)}: {descriptors_where(seen, account)}"
    part = _part(who, pid, replace(account, where=where), descriptors_next(seen).format(pid=pid))
    yield replace(part, evidence=lambda: descriptor_evidence(seen))


def _tables(recording: Recording, who: Who, pid: int) -> Iterator[Part]:
    """Where they are the larger part of what grew (diagnose.accounts says why)."""
    series = _series(who, pid, lambda one: one.tables, TABLES, "bytes")
    memory = _series(who, pid, lambda one: one.memory, "status VmRSS + VmSwap", "bytes")
    if not _moved(series) or series.growth <= memory.growth:
        return
    grain = 3 * recording.header.page_bytes
    where = f"{who(pid)}: page tables"
    account = Account((Pattern.PAGE_TABLE,), Basis.KERNEL, grain, series, where, TABLES)
    part = _part(who, pid, account, NEXT[Pattern.PAGE_TABLE].format(pid=pid))
    said = (
        f"its RSS and swap moved by {format_bytes(memory.growth)}: what the tables lead to is not there,"
        " or only the zero page, which is in no Rss (read, never written)"
    )
    yield replace(part, evidence=lambda: (said,))


def _threads(_recording: Recording, who: Who, pid: int) -> Iterator[Part]:
    series = _series(who, pid, lambda one: one.threads, THREADS)
    if not _moved(series):
        return
    # one that has just been started, and one that has just ended
    account = _counts(Pattern.THREAD_STACK, series, GRAIN, f"{who(pid)}: threads", "threads")
    stacks = format_bytes(max(0.0, series.growth) * STACK_BYTES)
    said = (
        f"they run, or wait: more are started than ever end. In the kernel's stacks these are {stacks}"
        f" ({format_bytes(STACK_BYTES)} each), beside a stack each in the address space"
    )
    part = _part(
        who, pid, account, f"ps -L -p {pid} -o tid,stat,wchan:24,comm; memlab diagnose {pid}"
    )
    yield replace(part, evidence=lambda: (said,))


def _children(_recording: Recording, who: Who, pid: int) -> Iterator[Part]:
    series = _count_children(who, pid)
    if not _moved(series):
        return
    dead = [zombies[pid] for zombies in (who.zombies[0], who.zombies[-1])]
    zombies = 2 * (dead[1] - dead[0]) > series.growth
    where = f"{who(pid)}: {'zombies' if zombies else 'children that live'}"
    account = _counts(Pattern.PROCESS, series, GRAIN, where, "processes")
    part = _part(who, pid, account, NEXT[Pattern.PROCESS].format(pid=pid))

    def evidence() -> Iterator[str]:
        if zombies:
            yield f"{counted(dead[1], 'child', 'ren')} of {who(pid)} ended, and it did not wait for them"
        yield from dead_or_alive(zombies)

    yield replace(part, evidence=evidence)


def _count_children(who: Who, pid: int) -> Series:
    seen = [
        (look.monotonic, children[pid])
        for look, children in zip(who.looks, who.children, strict=True)
        if pid in look.held
    ]
    times, values = (np.array([pair[n] for pair in seen], np.float64) for n in (0, 1))
    return Series(CHILDREN, times, values, "count", CHILDREN)
