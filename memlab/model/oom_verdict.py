"""An OOM report judged: how much memory was in question, who should have died, and who did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memlab.errors import Refused
from memlab.model.oom_badness import Candidate, Era, era_of, rank, score, weigh, worst
from memlab.procfs.oom.records import Report, Version
from memlab.units import KIB, counted, format_bytes

_PAGE = 4 * KIB  # of x86, of most arm64 and of all others that people meet


@dataclass(frozen=True)
class Total:
    """The memory that badness is measured by. source says what it was taken from."""

    pages: int
    source: str


@dataclass(frozen=True)
class Judged:
    """A report with what was computed from it; sizes in bytes, points as in `oom_badness`.

    predicted: who has the most points: none, one, or several that are equal. agrees: whether the kernel chose the
    first of them (before 5.9: any); None where there is nothing to compare. why_not: why nobody is predicted.
    changed: the same with other oom_score_adj. remarks: what the prediction rests on, and what may be wrong with it.
    """

    report: Report
    page_bytes: int
    page_source: str
    era: Era | None
    total: Total | None
    ranked: tuple[Candidate, ...]
    predicted: tuple[Candidate, ...]
    why_not: str | None
    agrees: bool | None
    choice: tuple[int, str] | None
    changed: tuple[Candidate, ...] | None
    asked_adj: Mapping[int, int]
    remarks: tuple[str, ...]


def judge(
    report: Report, adj: Mapping[int, int] | None = None, swap_bytes: int | None = None
) -> Judged:
    """Predict from the table. adj: other values by pid; swap_bytes: the machine's swap, which a cgroup's
    report does not tell. Raises Refused for a pid that is not in the table.
    """
    adj = adj or {}
    page_bytes, page_source = page_size(report)
    era, remarks = _era(report)
    total = total_memory(report, page_bytes, swap_bytes)
    why_not = _why_not(report, era, total)
    ranked: list[Candidate] = []
    changed = None
    if why_not is None and era is not None and total is not None:
        rows = report.rows
        unknown = adj.keys() - {row.pid for row in rows}
        if unknown:
            raise Refused(
                f"process {min(unknown)} is not in the table of line {report.first_line}",
                "name a pid that is, `--json` lists them",
            )
        ranked = rank([weigh(row, era, total.pages, page_bytes) for row in rows])
        if adj:
            other = [weigh(row, era, total.pages, page_bytes, adj.get(row.pid)) for row in rows]
            changed = tuple(worst(rank(other), era))
        remarks += _doubts(report, era, total, ranked)
    predicted = tuple(worst(ranked, era)) if era else ()
    choice = _choice(report)
    agrees = _agrees(report, era, predicted, choice)
    if agrees is False:
        remarks.append(_PASSED_OVER)
    return Judged(
        report, page_bytes, page_source, era, total, tuple(ranked), predicted, why_not, agrees,
        choice, changed, dict(adj), tuple(remarks),
    )  # fmt: skip


def _agrees(
    report: Report,
    era: Era | None,
    predicted: tuple[Candidate, ...],
    choice: tuple[int, str] | None,
) -> bool | None:
    """None where the kernel did not go by points, or chose one whose row is cut off."""
    if not predicted or choice is None or _not_by_points(report):
        return None
    if all(row.pid != choice[0] for row in report.rows):
        return None
    known = predicted[:1] if era is Era.SIGNED else predicted
    return choice[0] in {one.row.pid for one in known}


def page_size(report: Report) -> tuple[int, str]:
    """(bytes, where it shows): the victim stands in the table in pages and in the last line in kB."""
    pages = {row.pid: row.total_vm for row in report.rows if row.total_vm}
    for killed in report.killed:
        size, count = killed.total_vm, pages.get(killed.pid)
        if size and count and size % count == 0:
            page = size // count
            if page >= _PAGE and page & (page - 1) == 0 and page <= 1 << 20:
                return page, "the victim's total-vm, in kB and in pages"
    if report.buddy_kb and report.buddy_kb & (report.buddy_kb - 1) == 0 and report.buddy_kb >= 4:
        return report.buddy_kb * KIB, "the smallest block of the free lists"
    return _PAGE, "taken for the usual: the report does not show it"


def _era(report: Report) -> tuple[Era | None, list[str]]:
    version = report.version
    if version is not None:
        era = era_of(version)
        if era is None and _has_adj(report):
            note = "a vendor's kernel: its number is before 2.6.36, but it prints an oom_score_adj"
            return Era.PER_MILLE, [note]
        return era, []
    guess = _guess(report)
    if guess is None:
        return None, []
    era = era_of(guess)
    name = ".".join(map(str, guess)).removesuffix(".0")
    told = f"the kernel's release is cut off; by the form of its lines it is {name} or later"
    return era, [told]


def _has_adj(report: Report) -> bool:
    return any(row.oom_score_adj is not None for row in report.rows)


def _guess(report: Report) -> Version | None:
    """The earliest kernel that prints such lines."""
    asked = report.invoked.pairs if report.invoked else {}
    victim = any(killed.oom_score_adj is not None for killed in report.killed)
    if victim:
        return (5, 9, 0)
    if report.kill:
        return (5, 0, 0)
    if any(row.pgtables_bytes is not None for row in report.rows):
        return (4, 17, 0)
    if any(row.nr_pmds is not None for row in report.rows):
        return (4, 0, 0)
    if any(row.swapents is not None for row in report.rows):
        return (3, 8, 0)
    return (2, 6, 36) if _has_adj(report) or "oom_score_adj" in asked else None


def total_memory(report: Report, page_bytes: int, swap_bytes: int | None = None) -> Total | None:
    """totalpages of the kernel: RAM and swap, or what the cgroup may have of both; None where it is cut off."""
    memory = next((one for one in report.limits if one.what == "memory"), None)
    if report.constraint == "CONSTRAINT_MEMCG":
        return _of_cgroup(report, page_bytes, swap_bytes) if memory else None
    if report.constraint in ("CONSTRAINT_CPUSET", "CONSTRAINT_MEMORY_POLICY"):
        return _of_nodes(report, page_bytes)
    present = report.pages.get("pages RAM", report.pages.get("pages of RAM"))
    if present is None:
        return None
    reserved = report.pages.get("pages reserved", report.pages.get("reserved pages", 0))
    swap = report.swap_kb.get("Total swap", 0) * KIB // page_bytes
    source = "pages RAM - pages reserved" + (" + Total swap" if swap else ", no swap")
    return Total(max(present - reserved, 0) + swap, source)


def _of_nodes(report: Report, page_bytes: int) -> Total | None:
    """What is present in the nodes in question, and all swap (constrained_alloc); None where one is not listed."""
    name = "mems_allowed" if report.constraint == "CONSTRAINT_CPUSET" else "nodemask"
    nodes = _numbers(report.kill.get(name, ""))
    present = dict.fromkeys(nodes, 0)
    for label, sizes in report.zones:
        words = label.split()
        if len(words) == 3 and words[1].isdecimal() and int(words[1]) in present:
            present[int(words[1])] += sizes.get("present", 0)
    if not nodes or not all(present.values()):
        return None
    kilobytes = sum(present.values()) + report.swap_kb.get("Total swap", 0)
    return Total(
        kilobytes * KIB // page_bytes, f"what is present in the nodes of {name}, and all swap"
    )


def _numbers(text: str) -> set[int]:
    """'0-1,4' -> {0, 1, 4}; of nodes, of which there are 1024 at most; empty for anything else."""
    found: set[int] = set()
    for part in text.split(",")[:1024]:
        first, _, last = part.partition("-")
        last = last or first
        if not (first.isdecimal() and last.isdecimal() and len(first) < 5 and len(last) < 5):
            return set()
        found.update(range(int(first), min(int(last), 1023) + 1))
    return found


def _of_cgroup(report: Report, page_bytes: int, swap_bytes: int | None) -> Total:
    """The limit, and so much swap as the cgroup may use and the machine has (mem_cgroup_get_max)."""
    limits = {one.what: one for one in report.limits}
    memory, both, swap = (limits.get(what) for what in ("memory", "memory+swap", "swap"))
    assert memory is not None
    room = 0 if both is None and swap is None else None  # None: as much as the machine has
    if both is not None and both.limit_bytes is not None:
        room = max(both.limit_bytes - memory.limit_kb * KIB, 0)
    elif both is None and swap is not None:
        room = swap.limit_bytes
    # until 4.19 the machine's Mem-Info stands in the report of a cgroup as well
    told = report.swap_kb.get("Total swap")
    machine = swap_bytes if swap_bytes is not None or told is None else told * KIB
    if machine is not None and room != 0:
        room = machine if room is None else min(room, machine)
        source = "the cgroup's limit, and the swap that it may use"
    elif room is None:
        # what the report shows of swap is all we may count on
        room, source = (
            0,
            "the cgroup's limit; the machine's swap, which its report does not tell, as none",
        )
    else:
        source = "the cgroup's limit" + (" and its swap" if room else "")
    return Total((memory.limit_kb * KIB + room) // page_bytes, source)


def _why_not(report: Report, era: Era | None, total: Total | None) -> str | None:
    version = report.version
    if era is None and version is not None:
        name = ".".join(map(str, version))
        return f"Linux {name} chose by other rules (before 2.6.36): read, not predicted"
    if era is None:
        return "nothing in these lines tells which kernel it was, and so by which rule it chose"
    if not report.rows:
        return "there is no table of tasks: vm.oom_dump_tasks is 0, or it is cut off"
    if not _has_adj(report):
        return "the table has no oom_score_adj"
    if total is None and report.constraint in ("CONSTRAINT_CPUSET", "CONSTRAINT_MEMORY_POLICY"):
        return "the memory of the nodes in question is not in the report"
    if total is None:
        return "how much memory was in question is cut off"
    return None


def _not_by_points(report: Report) -> str | None:
    """Why the kernel did not go by the points at all."""
    if any("oom_kill_allocating_task" in (one.reason or "") for one in report.killings):
        return "vm.oom_kill_allocating_task: the kernel killed who asked, not who had most"
    return None


def _choice(report: Report) -> tuple[int, str] | None:
    """Whom the kernel chose: until 5.0 a child might die in its stead, and with a group all others too."""
    for one in ([report.chosen] if report.chosen else []) + list(report.killings[:1]):
        return one.pid, one.comm
    pid = report.kill.get("pid", "")
    if pid.isdecimal() and len(pid) < 11:
        return int(pid), report.kill.get("task", "")
    return (report.reaped[0].pid, report.reaped[0].comm) if report.reaped else None


def _doubts(report: Report, era: Era, total: Total, ranked: list[Candidate]) -> list[str]:
    said = []
    if not report.rows_whole:
        said.append("the table is not whole: who is missing cannot be predicted")
    if report.rows_dropped:
        said.append(f"{counted(report.rows_dropped, 'row')} beyond what is kept in memory")
    if era is Era.PER_MILLE or all(row.swapents is None for row in report.rows):
        unseen = [
            name
            for name, known in (("swap", "swapents"), ("page tables", "nr_ptes"))
            if all(getattr(row, known) is None for row in report.rows)
        ]
        if unseen:
            said.append(
                f"this kernel prints no {' and no '.join(unseen)} per task, but it counted them"
            )
    if report.constraint is None:
        said.append(
            "whether a cpuset or a memory policy bounded it, this kernel does not print: taken for the machine"
        )
    if report.nobody:
        said.append("the kernel found nobody whom it could kill")
    if other := _not_by_points(report):
        said.append(other)
    if report.chosen is not None and ranked:
        said += _score_remark(report, era, total, ranked)
    if era in _ROOT and any(row.uid == 0 for row in report.rows):
        said.append(
            "root's bonus goes by the capability CAP_SYS_ADMIN; here every uid 0 is taken to have it"
        )
    return said


_PASSED_OVER = (
    "the kernel passes over who is being killed or reaped already, and takes first who gives swap back (swapoff);"
    " the table shows neither"
)
_ROOT = (Era.PER_MILLE, Era.PAGES_ROOT_ADJ, Era.PAGES_ROOT_SHARE)


def _score_remark(report: Report, era: Era, total: Total, ranked: list[Candidate]) -> list[str]:
    """The kernel's own score, where it printed one, beside ours."""
    assert report.chosen is not None
    text = report.chosen.pairs.get("score", "")
    mine = next((one for one in ranked if one.row.pid == report.chosen.pid), None)
    if mine is None or not text.isdecimal():
        return []
    ours = score(mine, era, total.pages)
    same = "the same" if ours is not None and abs(ours - int(text)) <= 1 else "another"
    return [
        f"the kernel printed a score of {text} for {mine.row.name}; computed here: {ours}, {same}"
    ]


def sizes_text(judged: Judged) -> str:
    """'64 MiB: the cgroup's limit'; for views."""
    if judged.total is None:
        return "unknown"
    return f"{format_bytes(judged.total.pages * judged.page_bytes)}: {judged.total.source}"
