"""/proc/meminfo: where the machine's memory is (fs/proc/meminfo.c; proc.rst, "meminfo")."""

from __future__ import annotations

from dataclasses import dataclass, field

from memlab.errors import Malformed
from memlab.procfs.fields import entries, snake
from memlab.procfs.host import Host


@dataclass(frozen=True)
class Meminfo:
    """Bytes, but for the huge_pages_* which count pages; None where the kernel has no such line.

    mem_total: what the kernel manages; mem_free: unused; mem_available: an estimate of what new
    programs could get without swapping; buffers, cached: page cache, shmem included in cached;
    swap_cached; active_*, inactive_*, unevictable, mlocked: the LRU lists; swap_*; dirty,
    writeback: page cache not yet on disk; anon_pages: mapped anonymous pages; mapped: mapped page
    cache and shmem; shmem: tmpfs, SysV and POSIX shared memory, memfd, shared anonymous mappings;
    s_reclaimable, s_unreclaim, slab, k_reclaimable: the kernel's objects; kernel_stack,
    page_tables, sec_page_tables; commit_limit, committed_as; vmalloc_used, percpu; cma_*.
    `unknown` keeps lines that this reader does not know, by snake-case name.
    """

    mem_total: int
    mem_free: int
    mem_available: int | None = None
    buffers: int | None = None
    cached: int | None = None
    swap_cached: int | None = None
    active: int | None = None
    inactive: int | None = None
    active_anon: int | None = None
    inactive_anon: int | None = None
    active_file: int | None = None
    inactive_file: int | None = None
    unevictable: int | None = None
    mlocked: int | None = None
    swap_total: int | None = None
    swap_free: int | None = None
    zswap: int | None = None
    zswapped: int | None = None
    dirty: int | None = None
    writeback: int | None = None
    anon_pages: int | None = None
    mapped: int | None = None
    shmem: int | None = None
    k_reclaimable: int | None = None
    slab: int | None = None
    s_reclaimable: int | None = None
    s_unreclaim: int | None = None
    kernel_stack: int | None = None
    shadow_call_stack: int | None = None
    page_tables: int | None = None
    sec_page_tables: int | None = None
    nfs_unstable: int | None = None
    bounce: int | None = None
    writeback_tmp: int | None = None
    commit_limit: int | None = None
    committed_as: int | None = None
    vmalloc_total: int | None = None
    vmalloc_used: int | None = None
    vmalloc_chunk: int | None = None
    percpu: int | None = None
    memtest_bad: int | None = None
    hardware_corrupted: int | None = None
    anon_huge_pages: int | None = None
    shmem_huge_pages: int | None = None
    shmem_pmd_mapped: int | None = None
    file_huge_pages: int | None = None
    file_pmd_mapped: int | None = None
    cma_total: int | None = None
    cma_free: int | None = None
    unaccepted: int | None = None
    balloon: int | None = None
    gpu_active: int | None = None
    gpu_reclaim: int | None = None
    huge_pages_total: int | None = None
    huge_pages_free: int | None = None
    huge_pages_rsvd: int | None = None
    huge_pages_surp: int | None = None
    hugepagesize: int | None = None
    hugetlb: int | None = None
    direct_map_4k: int | None = None
    direct_map_2m: int | None = None
    direct_map_4m: int | None = None
    direct_map_1g: int | None = None
    high_total: int | None = None
    high_free: int | None = None
    low_total: int | None = None
    low_free: int | None = None
    unknown: dict[str, int] = field(default_factory=dict)


_KNOWN = frozenset(Meminfo.__dataclass_fields__) - {"unknown"}
_COUNTS = frozenset({"huge_pages_total", "huge_pages_free", "huge_pages_rsvd", "huge_pages_surp"})


def parse(text: bytes, path: str = "meminfo") -> Meminfo:
    """Lines of `Key: N kB`, and of `Key: N` for the four counts of huge pages."""
    values: dict[str, int] = {}
    unknown: dict[str, int] = {}
    for entry in entries(text, path):
        name = snake(entry.key)
        if name in values or name in unknown:
            raise entry.malformed("is there twice")
        if name in _COUNTS:
            values[name] = entry.whole()
        elif name in _KNOWN:
            values[name] = entry.kilobytes()
        else:
            unknown[name] = entry.amount()
    if not {"mem_total", "mem_free"} <= values.keys():
        raise Malformed(path, 0, "", "has no MemTotal and MemFree: it is cut, or no meminfo")
    return Meminfo(**values, unknown=unknown)


def read(host: Host) -> Meminfo:
    """Read the machine's."""
    return parse(host.read("/proc/meminfo"), "/proc/meminfo")
