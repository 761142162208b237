"""The kernel's own lines of the machine's ledger, and those that it gives back when memory is short."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from memlab.diagnose.machine.kernel_part import kernel_part
from memlab.diagnose.machine.who import Who
from memlab.diagnose.sums import Part
from memlab.errors import Denied, Gone, Unsupported
from memlab.model.memory import Pattern
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.procfs import cgroups
from memlab.units import PAGE_BYTES

LINE = "meminfo ledger: "
SLABS, STACKS, TABLES = "slab, not reclaimable", "kernel stacks", "page tables"
VMALLOC, PER_CPU, NOWHERE = "vmalloc, without stacks", "per CPU", "unexplained"
# the machine's counters are kept per CPU and zone, up to 125 pages each (mm/vmstat.c, calculate_normal_threshold)
_BATCH = 125 * PAGE_BYTES
PAGE_CACHE, RECLAIMABLE_SLABS = "page cache", "slab, reclaimable"
_RECLAIMABLE = (PAGE_CACHE, "buffers", RECLAIMABLE_SLABS, "other reclaimable")
_WORDS = {NOWHERE: "memory in no field of meminfo", PER_CPU: "the kernel's memory of each CPU"}
# what to type where nobody is found who has it
KERNEL = {
    SLABS: "sudo slabtop -s c",
    TABLES: "memlab top",
    STACKS: "ps -eo pid,nlwp,comm --sort=-nlwp | head",
    VMALLOC: "sudo sort -k2nr /proc/vmallocinfo | head -20",
    PER_CPU: "cat /proc/cgroups; sudo bpftool map",
    NOWHERE: "memlab meminfo; ss -xm; sudo ls -l /proc/[0-9]*/fd | grep -c pipe:",
}


def grain(recording: Recording) -> float:
    """By how much one of the machine's counters may lag."""
    return float(_BATCH * recording.header.host.get("cpus", 1))


def line(recording: Recording, name: str) -> Series:
    """One line of the ledger over time, in bytes."""

    def get(sample: Sample) -> float | None:
        value = sample.ledger.parts.get(name) if sample.ledger else None
        return None if value is None else float(value)

    return recording.collect(name, get)


def lines(recording: Recording, who: Who) -> Iterator[Part]:
    """Those that the kernel keeps, then those that it gives back."""
    for name, then in KERNEL.items():
        where = _WORDS.get(name, f"the kernel's {name}")
        pattern = Pattern.PAGE_TABLE if name == TABLES else Pattern.KERNEL
        yield kernel_part(
            line(recording, name),
            where,
            LINE + name,
            then,
            grain(recording),
            (pattern,),
            evidence=_asked(recording, name, who),
        )
    for name in _RECLAIMABLE:
        part = kernel_part(line(recording, name), name, LINE + name, "", grain(recording))
        yield replace(part, reclaimable=True)


def _asked(recording: Recording, name: str, who: Who) -> Callable[[], Iterable[str]]:
    """Who has more of what such memory is for."""
    if name == TABLES:
        return lambda: who.gained(lambda one: one.tables, "bytes")
    if name == STACKS:
        return lambda: who.gained(lambda one: one.threads, "threads")
    if name in (SLABS, NOWHERE):
        return lambda: who.gained(lambda one: one.descriptors, "descriptors")
    if name == PER_CPU:
        return lambda: _groups(recording)
    return tuple


def _groups(recording: Recording) -> Iterator[str]:
    """Each memory cgroup has counters on every CPU, until the last page that was charged to it is free."""
    known = [found["memory"] for one in recording if "memory" in (found := _cgroups(one))]
    if len(known) > 1 and known[-1] > known[0]:
        yield (
            f"memory cgroups became more: {known[0]:,} to {known[-1]:,}, with those that were removed and still have"
            " pages (/proc/cgroups); each has counters on every CPU"
        )


def _cgroups(sample: Sample) -> Mapping[str, int]:
    try:
        return cgroups.read(sample.host)
    except (Denied, Gone, Unsupported):
        return {}
