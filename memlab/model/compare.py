"""One instant through the eyes of six tools, computed from the kernel's text as they do it.

procps-ng 4 (top, pmap, free), sysstat 12 (pidstat), smem 1.5, and the files of the memory cgroup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from memlab.errors import Denied, Gone, Unsupported
from memlab.model.group import charges
from memlab.model.readings import figure, need_meminfo, need_smaps, need_status, told
from memlab.model.sample import Sample
from memlab.procfs import cgroup
from memlab.units import KIB

TOOLS = ("top", "pidstat", "pmap", "smem", "cgroup", "free")


@dataclass(frozen=True)
class Cell:
    """What a tool answers: bytes and the /proc field; bytes is None where `missing` says why."""

    bytes: int | None
    field: str
    missing: str = ""


@dataclass(frozen=True)
class Question:
    """A row: cells by tool (a tool that does not answer has none), and a field no tool shows."""

    name: str
    cells: Mapping[str, Cell]
    elsewhere: Cell | None = None


@dataclass(frozen=True)
class Comparison:
    """The table, and for every tool a sentence on what it can and cannot see of this process."""

    pid: int
    comm: str
    questions: tuple[Question, ...]
    sight: Mapping[str, str]


def compare(sample: Sample) -> Comparison:
    """All tools at one instant; what was denied or is not there is a cell that says so."""
    comm = sample.stat.comm if sample.stat else "?"
    return Comparison(sample.pid, comm, tuple(_questions(sample)), _sight(sample))


def _cell(read: Callable[[], int | None], field: str) -> Cell:
    try:
        found = read()
    except Denied:
        return Cell(None, field, "denied")
    except (Gone, Unsupported):
        return Cell(None, field, "not here")
    return Cell(found, field, "" if found is not None else "not told")


def _questions(sample: Sample) -> list[Question]:
    def named(name: str, field: str) -> Cell:
        return _cell(lambda: figure(sample, name).bytes, field)

    def summed(column: str) -> Cell:
        return _cell(lambda: need_smaps(sample).total(column), f"smaps {column.capitalize()}")

    def words(read: Callable[[], int | None], field: str) -> Cell:
        return _cell(read, f"status {field}")

    used = _cell(lambda: figure(sample, "free.used").bytes, "Total-Available")
    available = _cell(lambda: need_meminfo(sample).mem_available, "MemAvailable")
    version = _version(sample)
    limit = _cell(lambda: _limit(sample), "limit_in_bytes" if version == 1 else "memory.max")
    usage = named("cgroup.usage", "usage_in_bytes" if version == 1 else "memory.current")
    return [
        Question("virtual size", {
            "top": named("top.virt", "statm size"), "pidstat": named("stat.vsize", "stat vsize"),
            "pmap": named("pmap.total", "smaps end-start"), "smem": named("smaps.size", "smaps Size"),
        }),
        Question("resident", {
            "top": named("top.res", "statm resident"), "pidstat": named("stat.rss", "stat rss"),
            "pmap": named("smaps.rss", "smaps Rss"), "smem": named("smaps.rss", "smaps Rss"),
        }),
        Question("private", {
            "top": words(lambda: need_status(sample).rss_anon, "RssAnon"),
            "smem": named("smaps.uss", "smaps Private_*"),
            "cgroup": _cell(lambda: charges(sample).anon, "total_rss" if version == 1 else "anon"),
        }),
        Question("proportional", {
            "pmap": named("smaps.pss", "smaps Pss"), "smem": named("smaps.pss", "smaps Pss"),
        }),
        Question("swap", {
            "top": words(lambda: need_status(sample).vm_swap, "VmSwap"),
            "pmap": summed("swap"), "smem": summed("swap"),
            "cgroup": _cell(lambda: charges(sample).swap, "stat swap"),
            "free": _cell(lambda: _swap_used(sample), "Swap Total-Free"),
        }),
        Question("page tables", {
            "cgroup": _cell(lambda: charges(sample).pagetables, "stat pagetables"),
        }, words(lambda: need_status(sample).vm_pte, "VmPTE")),
        Question("machine used", {"top": used, "free": used, "cgroup": usage}),
        Question("available", {"top": available, "free": available}),
        Question("limit", {"cgroup": limit}),
    ]  # fmt: skip


def _version(sample: Sample) -> int:
    try:
        return charges(sample).version
    except (Denied, Gone, Unsupported):
        return 2


def _limit(sample: Sample) -> int | None:
    return cgroup.read(sample.host, sample.pid).limit


def _swap_used(sample: Sample) -> int:
    machine = need_meminfo(sample)
    return told(machine.swap_total, "SwapTotal") - told(machine.swap_free, "SwapFree")


def _sight(sample: Sample) -> dict[str, str]:
    """A sentence a tool; where its numbers are denied, the sentence says so."""
    said = {}
    for tool, say in _SENTENCES.items():
        try:
            said[tool] = say(sample)
        except (Denied, Gone, Unsupported) as error:
            said[tool] = str(error)
    return said


def _top(sample: Sample) -> str:
    shared = figure(sample, "top.shr").bytes
    return (
        f"RES counts pages that others map too as wholly its own ({_kb(shared)} of it is file or"
        " shared memory, SHR); it sees no page cache, no page tables, no kernel memory"
    )


def _pidstat(sample: Sample) -> str:
    late = figure(sample, "ps.rss").bytes - figure(sample, "stat.rss").bytes
    return (
        f"RSS of stat is summed late per CPU, here {_kb(late)} from status VmRSS; else as top,"
        " with faults per second, but with nothing of what is shared"
    )


def _pmap(sample: Sample) -> str:
    return (
        f"each of its {len(need_smaps(sample)):,} mappings by name; RSS counts shared pages fully"
        " (-X has Pss); it lists [vsyscall], which no VSZ counts"
    )


def _smem(sample: Sample) -> str:
    uss, pss = figure(sample, "smaps.uss").bytes, figure(sample, "smaps.pss").bytes
    return (
        f"USS {_kb(uss)} would be free if it ended, PSS adds its share ({_kb(pss - uss)}) of pages"
        " mapped more than once; kernel memory and files not mapped are missing"
    )


def _cgroup(sample: Sample) -> str:
    group = charges(sample)
    kernel = "kernel memory" if group.kernel is None else f"kernel memory ({_kb(group.kernel)})"
    return (
        f"all processes of {group.path}, with page cache ({_kb(group.file)}) and {kernel};"
        " a shared page is charged to the group that touched it first, maybe not this one"
    )


def _free(sample: Sample) -> str:
    machine = need_meminfo(sample)
    return (
        f"the machine only: {_kb(told(machine.shmem, 'Shmem'))} of shared memory and tmpfs is in it,"
        " of which a tmpfs file that nobody maps is in no process view here; procps before 4"
        " prints used without MemAvailable"
    )


def _kb(size: int) -> str:
    return f"{size // KIB:,} kB"


_SENTENCES: dict[str, Callable[[Sample], str]] = {
    "top": _top,
    "pidstat": _pidstat,
    "pmap": _pmap,
    "smem": _smem,
    "cgroup": _cgroup,
    "free": _free,
}
