"""The ledger of a machine: MemTotal in lines that do not overlap, and what no line explains.

What overlaps in /proc/meminfo, and how it is taken apart (fs/proc/meminfo.c, mm/vmstat.c):
Cached holds Shmem, and neither Buffers nor SwapCached. A page of the swap cache that a process
maps is in AnonPages too, so SwapCached is no line of its own: what of it nobody maps is in the
residual. Slab is SReclaimable + SUnreclaim, KReclaimable holds SReclaimable. KernelStack is inside
VmallocUsed too where stacks are vmalloc'ed (VMAP_STACK); where they are not, our vmalloc line is
too small by that and the residual too large, but nothing counts twice. Percpu is not inside
VmallocUsed: its chunks take addresses from vmalloc and pages of their own (mm/percpu-vm.c;
/proc/vmallocinfo lists pcpu_get_vm_areas without pages). Unaccepted and CmaFree are inside MemFree;
used CMA may hold page cache or anonymous pages. Huge pages of hugetlb are in no other line. MemFree
does not count the free pages that each CPU keeps on lists of its own: /proc/zoneinfo does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memlab.errors import MemlabError
from memlab.procfs.meminfo import Meminfo
from memlab.procfs.smaps_rollup import Rollup
from memlab.procfs.statm import Statm
from memlab.procfs.vmstat import Vmstat
from memlab.procfs.zoneinfo import Zoneinfo
from memlab.units import PAGE_BYTES, format_bytes


@dataclass(frozen=True)
class Line:
    """One line of a ledger: bytes, how the kernel's fields make it, and parts that add up to it.

    bytes is None where it cannot be known here.
    """

    name: str
    bytes: int | None
    formula: str = ""
    parts: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Unread:
    """A process whose smaps_rollup was not given: why, and its statm, which everybody may read."""

    why: MemlabError
    statm: Statm | None


@dataclass(frozen=True)
class ProcessTotals:
    """Sums over processes, in bytes.

    readable: processes whose smaps_rollup was read; pss: their proportional shares, with a page
    that k mappings share counted 1/k in each; pss_anon, pss_file, pss_shmem: its parts, None where the kernel does
    not split it (before 5.3); unread: the others, and what statm says of them: unread_anonymous
    is RssAnon, unread_shared the resident file and shmem pages, in full and not by share.
    """

    readable: int
    pss: int
    pss_anon: int | None
    pss_file: int | None
    pss_shmem: int | None
    unread: int
    unread_anonymous: int
    unread_shared: int

    @classmethod
    def of(cls, processes: Mapping[int, Rollup | Unread]) -> ProcessTotals:
        """Add up what `observe.processes.rollups` found."""
        read = [found.sizes for found in processes.values() if isinstance(found, Rollup)]
        others = [found.statm for found in processes.values() if isinstance(found, Unread)]
        known = [statm for statm in others if statm is not None]
        return cls(
            readable=len(read),
            pss=sum(sizes.get("pss", 0) for sizes in read),
            pss_anon=_sum(read, "pss_anon"),
            pss_file=_sum(read, "pss_file"),
            pss_shmem=_sum(read, "pss_shmem"),
            unread=len(others),
            unread_anonymous=sum(statm.resident - statm.shared for statm in known),
            unread_shared=sum(statm.shared for statm in known),
        )


def _sum(read: list[Mapping[str, int]], name: str) -> int | None:
    """None unless every one has it; of no process at all nothing is known either."""
    if not read or any(name not in sizes for sizes in read):
        return None
    return sum(sizes[name] for sizes in read)


@dataclass(frozen=True)
class MachineLedger:
    """total: MemTotal; lines: parts of it that do not overlap; clues: what the residual may be,
    in sentences; processes: the totals it was made with, or None; mapped: meminfo's Mapped.
    """

    total: int
    lines: tuple[Line, ...]
    clues: tuple[str, ...]
    processes: ProcessTotals | None
    anon_pages: int | None
    mapped: int | None

    @property
    def residual(self) -> int:
        """MemTotal without all lines: what no line of meminfo names. May be below zero."""
        return self.total - sum(line.bytes or 0 for line in self.lines)

    @property
    def parts(self) -> dict[str, int]:
        """The known lines by name, and "unexplained": they add up to `total` exactly."""
        known = {line.name: line.bytes for line in self.lines if line.bytes is not None}
        return known | {"unexplained": self.residual}

    def __getitem__(self, name: str) -> Line:
        """A line by its name; KeyError."""
        return {line.name: line for line in self.lines}[name]


def machine_ledger(
    meminfo: Meminfo,
    vmstat: Vmstat | None = None,
    processes: ProcessTotals | None = None,
    zoneinfo: Zoneinfo | None = None,
) -> MachineLedger:
    """MemTotal in lines that do not overlap; with `processes`, what of them processes map.

    A line whose field this kernel does not have is None and counts as nothing: what it stands
    for is then in the residual, and so are the free pages of the CPUs without zoneinfo. A
    negative line is a race between two counters, and is shown as it is.
    """
    return MachineLedger(
        total=meminfo.mem_total,
        lines=(*_free(meminfo, zoneinfo), *_users(meminfo, processes), *_kernel(meminfo, vmstat)),
        clues=tuple(_clues(meminfo, zoneinfo)),
        processes=processes,
        anon_pages=meminfo.anon_pages,
        mapped=meminfo.mapped,
    )


def _free(m: Meminfo, zoneinfo: Zoneinfo | None) -> list[Line]:
    """Two places where free pages lie."""
    lines = [Line("free", m.mem_free, "MemFree")]
    if zoneinfo is not None:
        lines.append(Line("free, on lists of the CPUs", on_lists(zoneinfo), "zoneinfo pagesets"))
    return lines


def on_lists(zoneinfo: Zoneinfo) -> int:
    """Bytes of free pages that each CPU keeps at hand (mm/page_alloc.c, per_cpu_pages)."""
    pages = sum(cpu.get("count", 0) for zone in zoneinfo.zones for cpu in zone.per_cpu)
    return pages * zoneinfo.page_bytes


def _users(m: Meminfo, processes: ProcessTotals | None) -> list[Line]:
    """What processes and files use."""
    cache = _minus(m.cached, m.shmem)
    anon, file, shmem = (
        (processes.pss_anon, processes.pss_file, processes.pss_shmem)
        if processes
        else (None, None, None)
    )
    return [
        Line("anonymous", m.anon_pages, "AnonPages", _split(m.anon_pages, anon, "Pss_Anon")),
        Line("shared memory and tmpfs", m.shmem, "Shmem", _split(m.shmem, shmem, "Pss_Shmem")),
        Line("page cache", cache, "Cached - Shmem", _split(cache, file, "Pss_File")),
        Line("buffers", m.buffers, "Buffers"),
    ]


def _split(whole: int | None, mapped: int | None, source: str) -> tuple[Line, ...]:
    """What the processes that we may read map of it, and the rest."""
    if whole is None or mapped is None:
        return ()
    return (
        Line("mapped by readable processes", mapped, source),
        Line("not mapped by them", whole - mapped, "the rest"),
    )


def _kernel(m: Meminfo, vmstat: Vmstat | None) -> list[Line]:
    """What the kernel uses itself."""
    copies = _plus(m.bounce, m.writeback_tmp)
    gpu = _plus(m.gpu_active, m.gpu_reclaim)
    return [
        Line("slab, reclaimable", m.s_reclaimable, "SReclaimable"),
        Line("slab, not reclaimable", m.s_unreclaim, "SUnreclaim"),
        Line("other reclaimable", _minus(m.k_reclaimable, m.s_reclaimable), "KReclaimable - SReclaimable"),
        Line("page tables", _plus(m.page_tables, m.sec_page_tables), "PageTables + SecPageTables"),
        Line("kernel stacks", m.kernel_stack, "KernelStack"),
        Line("vmalloc, without stacks", vmalloc(m), "VmallocUsed - KernelStack"),
        Line("per CPU", m.percpu, "Percpu"),
        Line("huge pages set aside", _hugetlb(m), "Hugetlb"),
        Line("compressed swap", _compressed(m, vmstat), "nr_zspages or Zswap"),
        Line("graphics", gpu, "GPUActive + GPUReclaim"),
        Line("copies under way", copies, "Bounce + WritebackTmp"),
        Line("broken pages", m.hardware_corrupted, "HardwareCorrupted"),
    ]  # fmt: skip


def vmalloc(m: Meminfo) -> int | None:
    """What vmalloc holds beside stacks.

    None where VmallocUsed counts addresses, device memory too: VmallocChunk is 0 since it does not (4.4).
    """
    if m.vmalloc_used is None or m.vmalloc_chunk:
        return None
    return max(m.vmalloc_used - (m.kernel_stack or 0), 0)


def _hugetlb(m: Meminfo) -> int | None:
    """Hugetlb counts all sizes (4.19); before, only the default size is known."""
    if m.hugetlb is not None:
        return m.hugetlb
    if m.huge_pages_total is None or m.hugepagesize is None:
        return None
    return m.huge_pages_total * m.hugepagesize


def _compressed(m: Meminfo, vmstat: Vmstat | None) -> int | None:
    """zsmalloc's pages, of zram and of zswap; a zswap pool of another allocator shows in Zswap only."""
    pages = vmstat.fields.get("nr_zspages") if vmstat else None
    if pages is None:
        return m.zswap
    return max(pages * PAGE_BYTES, m.zswap or 0)


def _clues(m: Meminfo, zoneinfo: Zoneinfo | None) -> list[str]:
    """Where the residual may come from, the measurable first."""
    found = []
    if m.swap_cached:
        found.append(
            f"up to {format_bytes(m.swap_cached)} of swap cache that no process maps (SwapCached)"
        )
    if m.balloon:
        found.append(
            f"the balloon's {format_bytes(m.balloon)}, where its driver leaves them in MemTotal"
        )
    used_cma = _minus(m.cma_total, m.cma_free)
    if used_cma:
        found.append(f"drivers' share of {format_bytes(used_cma)} of CMA in use")
    found.append(
        "without a line in meminfo: pipes, network page fragments, pages that drivers took"
        + (", free pages on lists of the CPUs" if zoneinfo is None else "")
    )
    found.append(
        "below zero: Percpu counts the boot chunk, MemTotal does not; counters lag by a batch a CPU"
    )
    return found


def _plus(first: int | None, second: int | None) -> int | None:
    if first is None and second is None:
        return None
    return (first or 0) + (second or 0)


def _minus(whole: int | None, part: int | None) -> int | None:
    return None if whole is None else whole - (part or 0)
