"""What an OOM report says, line by line and as a whole. Absent is None: the kernel did not print it, or it is cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from memlab.units import KIB

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Invoked:
    """`X invoked oom-killer: …`. comm: who asked for the page; pairs: name and value as printed."""

    comm: str
    pairs: Mapping[str, str]


@dataclass(frozen=True)
class Asker:
    """`CPU: 1 PID: 2 Comm: x Not tainted 6.1.0 …`. kernel: its release as printed."""

    pid: int
    comm: str
    kernel: str | None


@dataclass(frozen=True)
class Limit:
    """`memory: usage …, limit …, failcnt …`, in kB as printed. what: memory, memory+swap, kmem or swap."""

    what: str
    usage_kb: int
    limit_kb: int
    failcnt: int

    @property
    def usage_bytes(self) -> int:
        """What is in use."""
        return self.usage_kb * KIB

    @property
    def limit_bytes(self) -> int | None:
        """None where nobody set one: PAGE_COUNTER_MAX, near 2^53 kB; no machine has half of that."""
        return self.limit_kb * KIB if self.limit_kb < 1 << 52 else None


@dataclass(frozen=True)
class Killing:
    """`Killed process …`, or until 5.0 `Kill process …`, which names who was chosen (it or a child dies).

    reason: the words before, such as "Memory cgroup out of memory"; pairs: name and value as printed.
    """

    reason: str | None
    pid: int
    comm: str
    done: bool
    rest: str
    pairs: Mapping[str, str]


@dataclass(frozen=True)
class Reaped:
    """`oom_reaper: reaped process …, now …`: what is left of it."""

    pid: int
    comm: str
    pairs: Mapping[str, str]


@dataclass(frozen=True)
class MemLine:
    """One line of Mem-Info. kind: zone, counts, lowmem, blocks, huge, pages, swap, cache or cpu."""

    kind: str
    label: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One task of the table, in pages where the name does not say bytes.

    rss_anon, rss_file and rss_shmem are printed by late kernels (here seen in 6.18) only; nr_ptes, nr_pmds
    and nr_puds until 4.15, pgtables_bytes after; swapents since 3.8, and oom_score_adj since 2.6.36.
    """

    pid: int
    name: str
    uid: int | None = None
    tgid: int | None = None
    total_vm: int | None = None
    rss: int | None = None
    rss_anon: int | None = None
    rss_file: int | None = None
    rss_shmem: int | None = None
    nr_ptes: int | None = None
    nr_pmds: int | None = None
    nr_puds: int | None = None
    pgtables_bytes: int | None = None
    swapents: int | None = None
    cpu: int | None = None
    oom_adj: int | None = None
    oom_score_adj: int | None = None


COLUMNS = tuple(one.name for one in fields(Row) if one.name not in ("pid", "name"))


@dataclass(frozen=True)
class Killed:
    """Who was killed. Sizes in bytes.

    constraint: CONSTRAINT_NONE (the whole machine), _MEMCG (a cgroup's limit), _CPUSET or _MEMORY_POLICY;
    None where the report is cut or an old one. invoked_by: the comm of who asked for the page.
    """

    pid: int
    comm: str
    total_vm: int | None
    anon_rss: int | None
    file_rss: int | None
    shmem_rss: int | None
    constraint: str | None
    invoked_by: str | None
    page_tables: int | None = None
    uid: int | None = None
    oom_score_adj: int | None = None


@dataclass(frozen=True)
class Report:
    """One report. Lines are numbered from 1; host is the one that a syslog names.

    mem_info: the machine's counts in pages; nodes, zones: (label, kB by name); stats: memory.stat by
    cgroup, in bytes where it is a size. chosen: whom the kernel named before it killed (until 5.0).
    buddy_kb: the smallest block of the free lists, which is a page. begins, ends: False where that part is cut
    off. rows_whole: the table stood from its heading on, and no row was dropped for our bound.
    """

    first_line: int
    last_line: int
    host: str
    begins: bool
    ends: bool
    invoked: Invoked | None
    asker: Asker | None
    kill: Mapping[str, str]
    limit_of: tuple[str, str] | None
    cpuset: str | None
    limits: tuple[Limit, ...]
    stats: Mapping[str, Mapping[str, int]]
    mem_info: Mapping[str, int]
    nodes: tuple[tuple[str, Mapping[str, int]], ...]
    zones: tuple[tuple[str, Mapping[str, int]], ...]
    huge: tuple[Mapping[str, int], ...]
    pages: Mapping[str, int]
    swap_kb: Mapping[str, int]
    buddy_kb: int | None
    rows: tuple[Row, ...]
    rows_whole: bool
    rows_dropped: int
    chosen: Killing | None
    killings: tuple[Killing, ...]
    killed: tuple[Killed, ...]
    reaped: tuple[Reaped, ...]
    group: str | None
    nobody: bool
    constraint: str | None
    version: Version | None
