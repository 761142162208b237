"""Where the memory was when the killer came: what the table of an OOM report accounts for, and what it does not."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.procfs.oom.records import Report
from memlab.units import KIB

_LRU = (
    (
        "anonymous memory and shmem",
        ("active_anon", "inactive_anon", "isolated_anon", "isolated(anon)"),
    ),
    ("page cache", ("active_file", "inactive_file", "isolated_file", "isolated(file)")),
    ("unevictable", ("unevictable",)),
    ("active and inactive", ("active", "inactive")),  # kernels before 2.6.28
)
_KERNEL = (
    ("slab, reclaimable", ("slab_reclaimable",)),
    ("slab, unreclaimable", ("slab_unreclaimable",)),
    ("slab", ("slab",)),
    ("page tables", ("pagetables",)),
    ("page tables of guests and IOMMUs", ("sec_pagetables",)),
)
_FREE = (("free", ("free",)), ("free, on processors' lists", ("free_pcp",)))
# memory.stat: names of v2, then of v1 (which has no kernel memory but in its own counter)
_STAT_V2 = (
    ("anonymous memory", "anon"), ("page cache and shmem", "file"), ("kernel stacks", "kernel_stack"),
    ("page tables", "pagetables"), ("per-CPU", "percpu"), ("sockets", "sock"), ("vmalloc", "vmalloc"),
    ("slab, reclaimable", "slab_reclaimable"), ("slab, unreclaimable", "slab_unreclaimable"),
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A part of the whole, in bytes; of_kernel: no process shows it."""

    label: str
    bytes: int
    of_kernel: bool = False


@dataclass(frozen=True)
class Account:
    """The parts of the whole, and the table beside them; bytes. unexplained may be below zero.

    whole: RAM, or what the cgroup had in use; None where it is cut off. shmem is part of the lines. table_*:
    sums over all tasks, in which shared pages count once for each; None where this kernel prints no such column.
    """

    of: str
    whole: int | None
    lines: tuple[Line, ...]
    shmem: int | None
    table_rss: int | None
    table_anon: int | None
    table_shmem: int | None
    table_swap: int | None

    @property
    def unexplained(self) -> int | None:
        """The whole less its lines; None without a whole, and without any line."""
        return (
            None
            if self.whole is None or not self.lines
            else self.whole - sum(one.bytes for one in self.lines)
        )

    @property
    def outside(self) -> int:
        """What the kernel holds for itself: killing a process frees little of it."""
        return sum(one.bytes for one in self.lines if one.of_kernel)

    @property
    def unmapped_shmem(self) -> int | None:
        """Shmem that no task of the table can have mapped: at least so much outlives them all."""
        if self.shmem is None or self.table_shmem is None:
            return None
        return max(self.shmem - self.table_shmem, 0)


def account(report: Report, page_bytes: int) -> Account | None:
    """Of the cgroup where a limit was hit, else of the machine; None where neither is in the report."""
    if report.constraint == "CONSTRAINT_MEMCG" or (report.limits and not report.mem_info):
        return _of_cgroup(report, page_bytes)
    return _of_machine(report, page_bytes) if report.mem_info else None


def _of_machine(report: Report, page_bytes: int) -> Account:
    counts = {name: pages * page_bytes for name, pages in report.mem_info.items()}
    lines = []
    for kernel, table in ((False, _LRU), (True, _KERNEL), (False, _FREE)):
        for label, names in table:
            known = [counts[name] for name in names if name in counts]
            if known:
                lines.append(Line(label, sum(known), kernel))
    stacks = _summed(report, "kernel_stack")
    if stacks is not None:
        lines.append(Line("kernel stacks", stacks, True))
    huge = sum(
        one.get("hugepages_total", 0) * one.get("hugepages_size", 0) * KIB for one in report.huge
    )
    if huge:
        lines.append(Line("huge pages set aside", huge, True))
    present = report.pages.get("pages RAM", report.pages.get("pages of RAM"))
    reserved = report.pages.get("pages reserved", report.pages.get("reserved pages", 0))
    whole = None if present is None else (present - reserved) * page_bytes
    return _account("the machine's memory", whole, lines, counts.get("shmem"), report, page_bytes)


def _summed(report: Report, name: str) -> int | None:
    """Of all nodes, or in kernels before 4.8 of all zones."""
    for places in (report.nodes, report.zones):
        known = [sizes[name] * KIB for _, sizes in places if name in sizes]
        if known:
            return sum(known)
    return None


def _of_cgroup(report: Report, page_bytes: int) -> Account | None:
    memory = next((one for one in report.limits if one.what == "memory"), None)
    kmem = next((one for one in report.limits if one.what == "kmem"), None)
    stats = _stats(report)
    if memory is None and not stats:
        return None
    if "anon" in stats:
        lines = [Line(label, stats[name], name not in ("anon", "file"))
                 for label, name in _STAT_V2 if name in stats]  # fmt: skip
        shmem = stats.get("shmem")
    else:
        total = {
            name: stats.get(f"total_{name}", stats.get(name)) for name in ("rss", "cache", "shmem")
        }
        words = {"rss": "anonymous memory", "cache": "page cache and shmem"}
        lines = [
            Line(word, size) for name, word in words.items() if (size := total[name]) is not None
        ]
        shmem = total["shmem"]
        if kmem is not None:
            lines.append(Line("kernel memory (kmem)", kmem.usage_bytes, True))
    whole = memory.usage_bytes if memory else None
    return _account("the cgroup's usage", whole, lines, shmem, report, page_bytes)


def _stats(report: Report) -> dict[str, int]:
    """Of the cgroup whose limit was hit; old kernels print one line for each cgroup below it as well."""
    if not report.stats:
        return {}
    if len(report.stats) == 1:
        return dict(next(iter(report.stats.values())))
    summed: dict[str, int] = {}
    for stats in report.stats.values():
        for name, size in stats.items():
            summed[name] = summed.get(name, 0) + size
    return summed


def _account(
    of: str,
    whole: int | None,
    lines: list[Line],
    shmem: int | None,
    report: Report,
    page_bytes: int,
) -> Account:
    def total(name: str) -> int | None:
        known = [value for row in report.rows if (value := getattr(row, name)) is not None]
        return sum(known) * page_bytes if known else None

    return Account(
        of, whole, tuple(lines), shmem,
        total("rss"), total("rss_anon"), total("rss_shmem"), total("swapents"),
    )  # fmt: skip
