"""The identities between figures: for each pair the terms from the first to the second.

A rule returns its terms, and what a residual may be: "" where both figures come out of one text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memlab.errors import Denied, Gone, Unsupported
from memlab.model.group import charges
from memlab.model.machine import on_lists, vmalloc
from memlab.model.memory import MemoryType, RegionKind
from memlab.model.readings import need_meminfo, need_regions, need_smaps, need_status, told
from memlab.model.sample import Sample
from memlab.procfs import cpus, zoneinfo
from memlab.units import KIB


@dataclass(frozen=True)
class Term:
    """One line of an explanation: bytes to add (or, below zero, to take away) and their source."""

    label: str
    bytes: int
    source: str


Rule = Callable[[Sample], tuple[list[Term], str]]
STEPS: dict[tuple[str, str], Rule] = {}
# for where a file on the way through STEPS was denied: less detail, out of what everybody may read
COARSE: dict[tuple[str, str], Rule] = {}

_INSTANTS = "two files are two instants: 0 when the process stands still"
# lib/percpu_counter.c, compute_batch_value: max(32, 2 * CPUs); RSS is three such counters since
# Linux 6.2. Before, each thread kept up to 64 events back (mm/memory.c, TASK_RSS_EVENTS_THRESH).
_LEAST_BATCH = 32
_RSS_COUNTERS = 3
# mappings that belong to no process: shown to all, counted for none (mm.h, get_gate_vma)
_GATES = ("[vsyscall]", "[vectors]")


def _step(
    start: str, end: str, among: dict[tuple[str, str], Rule] = STEPS
) -> Callable[[Rule], Rule]:
    def keep(rule: Rule) -> Rule:
        among[start, end] = rule
        return rule

    return keep


def batch_bound(sample: Sample) -> int | None:
    """How far a lazily summed RSS may be off, in bytes (Linux 6.2 on); None if the CPUs are unknown."""
    try:
        count = len(cpus.read(sample.host))
    except (Denied, Gone, Unsupported):
        return None
    return count * max(_LEAST_BATCH, 2 * count) * _RSS_COUNTERS * sample.host.page_bytes


def _batches(sample: Sample, which: str) -> str:
    bound = batch_bound(sample)
    most = "" if bound is None else f", at most {bound // KIB:,} kB here"
    return (
        f"{which} counts resident pages in batches per CPU and adds them up late{most}"
        " (before Linux 6.2: per thread); or the process moved between the two reads"
    )


@_step("stat.rss", "status.vmrss")
def _stat_is_late(sample: Sample) -> tuple[list[Term], str]:
    return [], _batches(sample, "stat")


@_step("statm.resident", "status.vmrss")
def _statm_and_status(sample: Sample) -> tuple[list[Term], str]:
    return [], _batches(sample, "the kernel before Linux 6.16")


@_step("status.vmrss", "smaps.rss")
def _counted_and_walked(sample: Sample) -> tuple[list[Term], str]:
    return [], _batches(sample, "status before Linux 6.16")


@_step("status.vmrss", "status.parts")
def _parts(_sample: Sample) -> tuple[list[Term], str]:
    return [], ""  # fs/proc/task_mmu.c, task_mem: VmRSS is printed as their sum


@_step("statm.resident", "statm.shared")
def _shr(sample: Sample) -> tuple[list[Term], str]:
    anon = told(need_status(sample).rss_anon, "RssAnon")
    return [Term("anonymous pages", -anon, "status RssAnon")], _INSTANTS


@_step("smaps.rss", "smaps.pss")
def _others_share(sample: Sample) -> tuple[list[Term], str]:
    rows = need_smaps(sample)
    share = rows.column("pss") - rows.column("rss")
    return _by_type(sample, share, "the others' share of {}", "smaps Pss - Rss"), ""


@_step("smaps.pss", "smaps.uss")
def _own_share(sample: Sample) -> tuple[list[Term], str]:
    rows = need_smaps(sample)
    share = rows.column("private_clean") + rows.column("private_dirty") - rows.column("pss")
    return _by_type(
        sample, share, "its own share of {}, mapped more than once", "smaps Private_* - Pss"
    ), ""


@_step("smaps.rss", "smaps.uss")
def _mapped_more_than_once(sample: Sample) -> tuple[list[Term], str]:
    rows = need_smaps(sample)
    return [
        Term("unwritten pages mapped more than once", -rows.total("shared_clean"), "Shared_Clean"),
        Term("written pages mapped more than once", -rows.total("shared_dirty"), "Shared_Dirty"),
    ], ""


def _by_type(sample: Sample, share: NDArray[np.int64], label: str, source: str) -> list[Term]:
    types = need_regions(sample).types
    return [
        Term(label.format(f"{kind.label} mappings"), int(share[types == kind].sum()), source)
        for kind in MemoryType
    ]


@_step("smaps.rss", "rollup.rss")
@_step("smaps.uss", "rollup.uss")
def _summed_by_the_kernel(_sample: Sample) -> tuple[list[Term], str]:
    return [], _INSTANTS


@_step("smaps.pss", "rollup.pss")
def _rounded(sample: Sample) -> tuple[list[Term], str]:
    rows = need_smaps(sample)
    split = rows.column("rss") != rows.column("private_clean") + rows.column("private_dirty")
    most = int(split.sum())
    return [], (
        f"smaps cuts each Pss down to a kB, the rollup only the sum: below {most:,} kB"
        f" for {most:,} mappings with shared pages; or the process moved between the two reads"
    )


@_step("status.vmsize", "stat.vsize")
@_step("statm.size", "stat.vsize")
def _one_counter(_sample: Sample) -> tuple[list[Term], str]:
    return [], _INSTANTS  # all three print mm->total_vm


@_step("stat.vsize", "smaps.size")
def _gates(sample: Sample) -> tuple[list[Term], str]:
    return [
        Term(f"{row.name}, a page of the kernel that all see", row.size, "smaps Size")
        for row in need_smaps(sample)
        if row.name in _GATES
    ], _INSTANTS


@_step("smaps.size", "pmap.total")
def _stack_gap(sample: Sample) -> tuple[list[Term], str]:
    rows = need_smaps(sample)
    extent = (rows.end - rows.start).astype(np.int64)
    # until Linux 4.12 a growing stack was printed without its guard page, but counted with it
    gap = int((extent - rows.column("size")).sum())
    return [Term("guard pages below stacks, in Size only", gap, "smaps headers - Size")], ""


@_step("smaps.size", "smaps.rss")
def _not_resident(sample: Sample) -> tuple[list[Term], str]:
    regions, rows = need_regions(sample), need_smaps(sample)
    swap = regions.swap
    absent = rows.column("rss") + swap - rows.column("size")
    closed = np.array([perms.startswith("---") for perms in rows.perms], dtype=bool)
    terms = [
        Term("swapped out", -int(swap.sum()), "smaps Swap"),
        Term("no access allowed (---)", int(absent[closed].sum()), "smaps Rss - Size"),
    ]
    for kind in RegionKind:
        size = int(absent[(regions.kinds == kind) & ~closed].sum())
        label = (
            "huge pages, which Rss leaves out"
            if kind is RegionKind.HUGETLB
            else (f"not in memory: {kind.label}")
        )
        terms.append(Term(label, size, "smaps Rss + Swap - Size"))
    return sorted(terms, key=lambda term: term.bytes), ""


@_step("status.parts", "status.vmsize", among=COARSE)
def _not_resident_in_sum(sample: Sample) -> tuple[list[Term], str]:
    words = need_status(sample)
    size, resident = told(words.vm_size, "VmSize"), told(words.vm_rss, "VmRSS")
    swapped, huge = words.vm_swap or 0, words.hugetlb_pages or 0
    return [
        Term("swapped out, without shared memory", swapped, "status VmSwap"),
        Term("huge pages, which Rss leaves out", huge, "status HugetlbPages"),
        Term(
            "not in memory (which mappings: in smaps, which was denied)",
            size - resident - swapped - huge,
            "status VmSize - VmRSS - VmSwap - HugetlbPages",
        ),
    ], ""


@_step("status.parts", "cgroup.usage")
def _charged(sample: Sample) -> tuple[list[Term], str]:
    words, group = need_status(sample), charges(sample)
    anon, file, shmem = (
        told(size, "RssAnon") for size in (words.rss_anon, words.rss_file, words.rss_shmem)
    )
    account = "memory.stat" if group.version == 2 else "memory.stat total_*"
    kernel = "memory.stat kernel" if group.version == 2 else "memory.kmem.usage_in_bytes"
    terms = [
        Term("file pages mapped here: whoever read them first pays", -file, "status RssFile"),
        Term("shared memory mapped here: whoever touched it first pays", -shmem, "status RssShmem"),
        Term("anonymous pages of the group's other processes", group.anon - anon, f"{account} - RssAnon"),
        Term("page cache of the group", group.file - group.shmem, f"{account} file - shmem"),
        Term("shared memory and tmpfs of the group", group.shmem, f"{account} shmem"),
        Term("kernel memory of the group", group.kernel or 0, kernel),
        Term("socket buffers of the group", group.sock or 0, f"{account} sock"),
        Term("huge pages of the group", group.hugetlb or 0, f"{account} hugetlb"),
    ]  # fmt: skip
    return terms, (
        "the group keeps a stock of charged pages per CPU (64 pages each), its statistics may be"
        " 2 s old, pages in swap cache and just unmapped stand in no line; a residual below zero"
        " is what an older memory.stat still counts"
    )


def _on_lists(sample: Sample) -> int:
    """0 where zoneinfo was not read: they are in the residual then."""
    try:
        return on_lists(zoneinfo.read(sample.host))
    except (Denied, Gone, Unsupported):
        return 0


@_step("status.parts", "free.used")
def _machine(sample: Sample) -> tuple[list[Term], str]:
    words, machine = need_status(sample), need_meminfo(sample)
    anon = told(words.rss_anon, "RssAnon")
    others = told(machine.anon_pages, "AnonPages") - anon
    reclaimable = machine.k_reclaimable or machine.s_reclaimable or 0
    files = (machine.active_file or 0) + (machine.inactive_file or 0)
    kept = machine.mem_free + files + reclaimable - told(machine.mem_available, "MemAvailable")
    huge = machine.hugetlb
    if huge is None:
        huge = (machine.huge_pages_total or 0) * (machine.hugepagesize or 0)
    terms = [
        Term("file pages mapped here: free counts them as available", -(words.rss_file or 0), "status RssFile"),
        Term("shared memory mapped here, counted below once for all", -(words.rss_shmem or 0), "status RssShmem"),
        Term("anonymous pages of all other processes", others, "meminfo AnonPages - RssAnon"),
        Term("shared memory and tmpfs of the machine", machine.shmem or 0, "meminfo Shmem"),
        Term("kernel objects that cannot be dropped", machine.s_unreclaim or 0, "meminfo SUnreclaim"),
        Term("page tables", machine.page_tables or 0, "meminfo PageTables"),
        Term("page tables of virtual machines", machine.sec_page_tables or 0, "meminfo SecPageTables"),
        Term("kernel stacks", machine.kernel_stack or 0, "meminfo KernelStack"),
        Term("vmalloc, without stacks", vmalloc(machine) or 0, "meminfo VmallocUsed - KernelStack"),
        Term("per-CPU memory of the kernel", machine.percpu or 0, "meminfo Percpu"),
        Term("the pool of huge pages", huge, "meminfo Hugetlb"),
        Term("free or cached, but held back by MemAvailable", kept,
             "meminfo MemFree + Active(file) + Inactive(file) + KReclaimable - MemAvailable"),
        Term("free, on lists of the CPUs: MemFree does not count them", _on_lists(sample), "zoneinfo pagesets"),
    ]  # fmt: skip
    return terms, (
        "pages that no line of meminfo counts: direct allocations of drivers and the kernel,"
        " locked file pages"
    )
