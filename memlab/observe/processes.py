"""One pass over all processes: the kernel's own sums of each (smaps_rollup), or why they were not given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from memlab.errors import Gone, MemlabError, Unsupported
from memlab.model.machine import MachineLedger, ProcessTotals, Unread, machine_ledger
from memlab.procfs import meminfo, rollup_table, smaps_rollup, statm, vmstat, zoneinfo
from memlab.procfs.host import Host
from memlab.procfs.rollup_table import RollupTable
from memlab.procfs.smaps_rollup import Rollup

T = TypeVar("T")


def pids(host: Host) -> tuple[int, ...]:
    """All process ids that /proc shows, kernel threads and zombies included; in order."""
    names = host.listdir("/proc")
    return tuple(sorted(int(name) for name in names if name.isascii() and name.isdigit()))


class Rollups(Mapping[int, "Rollup | Unread"]):
    """By pid, in order: what each process's smaps_rollup says, or Unread; a Rollup is made when asked for."""

    def __init__(self, table: RollupTable, found: dict[int, int | Rollup | Unread]) -> None:
        self._table = table
        self._found = found

    def __getitem__(self, pid: int) -> Rollup | Unread:
        """KeyError for who has no memory or had ended."""
        one = self._found[pid]
        return self._table.row(one) if isinstance(one, int) else one

    def __iter__(self) -> Iterator[int]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def rollups(host: Host) -> Rollups:
    """The sums of every process that has memory, by pid; Unread for those we may not look into.

    Kernel threads and zombies are left out, and so is who ended meanwhile. A process whose first
    thread has ended shows nothing under its pid though its threads have its memory: it is read
    by one of them. Two processes that share one memory (vfork, until exec) are both counted.
    """
    found: dict[int, int | Rollup | Unread] = {}
    everybody = pids(host)
    texts: list[bytes] = []
    asked = host.read_each(f"/proc/{pid}/smaps_rollup" for pid in everybody)
    for pid, answer in zip(everybody, asked, strict=True):
        if isinstance(answer, bytes):
            found[pid] = len(texts)
            texts.append(answer)
        elif answer is not None or not _is_alone(host, pid):
            _look_closer(host, pid, found)
    table = rollup_table.parse(texts)
    if not table.alike.all():
        for pid, at in [(pid, at) for pid, at in found.items() if isinstance(at, int)]:
            if not table.alike[at]:
                _parse_alone(host, pid, texts[at], found)
    return Rollups(table, found)


def _parse_alone(
    host: Host, pid: int, text: bytes, found: dict[int, int | Rollup | Unread]
) -> None:
    try:
        found[pid] = smaps_rollup.parse(text, f"/proc/{pid}/smaps_rollup")
    except MemlabError:
        _look_closer(host, pid, found)


def _is_alone(host: Host, pid: int) -> bool:
    """Whether no thread is left that might still have the memory its first thread gave up, or nobody at all.

    A task folder has two links and one for each thread (fs/proc/base.c, proc_task_getattr).
    """
    try:
        return host.stat(f"/proc/{pid}/task").links == 3
    except Gone:
        return True
    except MemlabError:
        return False


def _look_closer(host: Host, pid: int, found: dict[int, int | Rollup | Unread]) -> None:
    """Whatever is not the rule: put into `found` what there is, where there is anything."""
    try:
        one = _one(host, pid)
    except Gone:
        one = None
    if one is not None:
        found[pid] = one
    else:
        found.pop(pid, None)


def _one(host: Host, pid: int) -> Rollup | Unread | None:
    size = _statm(host, pid)
    task = pid
    if size is not None and size.size == 0:
        others = [name for name in host.listdir(f"/proc/{pid}/task") if name != str(pid)]
        if not others:
            return None
        task = int(others[0])
        size = _statm(host, task)
    try:
        return smaps_rollup.read(host, task)
    except Gone:
        raise
    except MemlabError as why:
        if size is not None and isinstance(why, Unsupported):
            again = _statm(host, task)
            if again is not None and again.size == 0:
                return None  # it became a zombie between the two looks
        return Unread(why, size)


def _statm(host: Host, pid: int) -> statm.Statm | None:
    try:
        return statm.read(host, pid)
    except Gone:
        raise
    except MemlabError:
        return None


def machine(host: Host) -> MachineLedger:
    """The machine's ledger now, with the processes' share.

    meminfo is read last, right behind the processes: on a busy machine the two differ by what
    changed during the pass (about 0.2 ms a process).
    """
    processes = ProcessTotals.of(rollups(host))
    counters, zones = _or_none(vmstat.read, host), _or_none(zoneinfo.read, host)
    return machine_ledger(meminfo.read(host), counters, processes, zones)


def _or_none(read: Callable[[Host], T], host: Host) -> T | None:
    try:
        return read(host)
    except MemlabError:
        return None
