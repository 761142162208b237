"""The report of the out-of-memory killer, part by part, as the kernel log has it."""

from __future__ import annotations

import re

from memlab.model.what.glossary import field
from memlab.model.what.machine import mark_remark
from memlab.model.what.machine_rules import swap_remark
from memlab.model.what.oom_rules import (
    invoked_remarks,
    kill_remarks,
    killed_remarks,
    limit_remarks,
    stack_remarks,
    tasks_remarks,
)
from memlab.model.what.types import Field, Item, Remark, note
from memlab.model.what.values import whole
from memlab.units import KIB, PAGE_BYTES

_INVOKED = re.compile(r"(.*) invoked oom-killer: (.*)")
_PAIR = re.compile(r"([a-z_]+)=(0x[0-9a-fA-F]+(?:\([^)]*\))?|[^,\s]*)")
_STACK = re.compile(
    r"CPU: \d+ .*Comm: .*|Pid: \d+, comm: .*|Hardware name: .*|Call Trace:.*| *</?(?:TASK|IRQ|NMI)>"
    r"| *(?:\? |\[)?\S+\+0x[0-9a-f]+/0x[0-9a-f]+.*"
    r"|(?:RIP|RSP|Code|R[A-D]X|RBP|RSI|RDI|R\d\d|[FGC]S|ORIG_RAX|EAX|ESI|EIP|DS): ?.*"
    r"|Workqueue: .*|Tainted: .*"
)


def read_invoked(lines: list[str], at: int) -> tuple[Item, int] | None:
    """The first line of a report."""
    match = _INVOKED.fullmatch(lines[at].strip())
    if match is None:
        return None
    pairs = dict(_PAIR.findall(match[2]))
    fields = [field("invoked", "invoked", match[1])]
    for name, value in pairs.items():
        fields.append(field("invoked", name, value))
        if name == "gfp_mask" and "(" in value:
            bits = value[value.index("(") + 1 : -1].split("|")
            fields += [field("gfp", bit, "", f"  {bit}") for bit in bits if bit]
    item = Item(
        "OOM report begins: the kernel found no memory for a request",
        tuple(fields),
        tuple(invoked_remarks(match[1], pairs)),
    )
    return item, at + 1


def read_stack(lines: list[str], at: int) -> tuple[Item, int] | None:
    """Who asked, and by which path; registers are passed over."""
    if not _STACK.fullmatch(lines[at]):
        return None
    calls: list[str] = []
    while at < len(lines) and (_STACK.fullmatch(lines[at]) or not lines[at].strip(" =")):
        if "+0x" in lines[at] and not lines[at].lstrip().startswith(("? ", "RIP", "Code")):
            calls.append(lines[at].strip(" []").split("+0x")[0])
        at += 1
    shown = " < ".join(calls[:4]) + (f" and {len(calls) - 4} more" if len(calls) > 4 else "")
    return Item(
        "call trace of the process that asked",
        (field("call trace", "stack", shown or "(cut)"),),
        tuple(stack_remarks(calls)),
    ), at


_STUCK = re.compile(r"all_unreclaimable\? (yes|no)")
_COUNT = re.compile(r"([a-z][\w()?]*):\s?(-?\d+(?:kB|KB)?|yes|no)(?=\s|$)")
_ZONE = re.compile(
    r"((?:Node \d+ )?(?:DMA\d*|Normal|HighMem|Movable|Device|Node \d+)) "
    r"((?:free|active|active_anon|inactive_anon):.*)"
)
_MEM_INFO = re.compile(
    r" *(?:Mem-[Ii]nfo:|(?:\w+ )*per-cpu:|(?:[aA]ctive|active_anon|active_file|unevictable|slab_reclaimable"
    r"|mapped|sec_pagetables|kernel_misc_reclaimable|free|dirty|slab|inactive_anon)[\w()]*:\d+.*)"
)
_LOWMEM = re.compile(r" *lowmem_reserve\[\]: ([\d ]+)")
_BLOCKS = re.compile(r" *((?:Node \d+ )?\w+): ((?:\d+\*\d+kB(?: \([UMERHCI]+\))? ?)+)= (\d+)kB")
_HUGE = re.compile(r" *Node \d+ ((?:hugepages_\w+=\w+ ?)+)")
_PAGES = re.compile(
    r" *(\d+) (total pagecache pages|pages in swap cache|pages RAM|pages of RAM|pages HighMem/MovableOnly"
    r"|pages reserved|pages cma reserved|pages hwpoisoned|pages shared"
    r"|pages swap cached|free pages|reserved pages|slab pages)"
)
_SWAP = re.compile(r" *(Free swap|Total swap) += (\d+)kB")
_CACHE = re.compile(r" *(Swap cache)(?: stats)?: (add.*)")
_CPU = re.compile(r" *CPU +(\d+): (.*usd.*)")


def read_mem_info(lines: list[str], at: int) -> tuple[Item, int] | None:
    """All lines between the stack and the table: the machine's memory at that moment."""
    fields: list[Field] = []
    remarks: list[Remark] = []
    swap: dict[str, int] = {}
    start = at
    while at < len(lines):
        found = _mem_info_line(lines[at], remarks, swap)
        if found is None and (at == start or lines[at].strip()):
            break
        fields += found or []
        at += 1
    if at == start:
        return None
    if swap.keys() >= {"Free swap", "Total swap"}:
        remarks.append(swap_remark(swap["Total swap"] - swap["Free swap"], swap["Total swap"]))
    return Item(
        "the machine's memory when the killer came (pages, but for what says kB)",
        tuple(fields),
        tuple(remarks),
    ), at


def _mem_info_line(line: str, remarks: list[Remark], swap: dict[str, int]) -> list[Field] | None:
    if match := _ZONE.fullmatch(line.strip()):
        pairs = dict(_COUNT.findall(match[2]))
        marks = [whole(pairs.get(name, "")) for name in ("free", "min", "low", "high")]
        known = [mark * KIB for mark in marks if mark is not None]
        if len(known) == 4:
            remark = mark_remark(*known)
            remarks.append(Remark(remark.tone, f"{match[1]}: {remark.text}"))
        found = [_count(name, value, f"{match[1]} {name}") for name, value in pairs.items()]
        for stuck in _STUCK.findall(match[2]):
            found.append(field("Mem-Info", "all_unreclaimable?", stuck))
        return found
    if _MEM_INFO.fullmatch(line):
        pairs = dict(_COUNT.findall(line.replace("Active:", "active:")))
        return [_count(name, value, name) for name, value in pairs.items()]
    for shape, name in ((_LOWMEM, "lowmem_reserve"), (_BLOCKS, "order N")):
        if match := shape.fullmatch(line):
            value = match[1] if name == "lowmem_reserve" else match[2].strip()
            return [
                field(
                    "Mem-Info",
                    name,
                    value,
                    f"{match[1]} free blocks" if name == "order N" else "",
                    "text",
                )
            ]
    if match := _HUGE.fullmatch(line):
        return [field("Mem-Info", *word.split("=", 1)) for word in match[1].split()]
    if match := _PAGES.fullmatch(line):
        return [field("Mem-Info", match[2], match[1])]
    if match := _SWAP.fullmatch(line):
        swap[match[1]] = int(match[2]) * KIB
        return [field("Mem-Info", match[1], f"{match[2]} kB")]
    if match := _CACHE.fullmatch(line):
        return [field("Mem-Info", match[1], match[2])]
    if match := _CPU.fullmatch(line):
        return [
            field("Mem-Info", name, value, f"CPU {match[1]} {name}")
            for name, value in _COUNT.findall(match[2].replace(",", " "))
        ]
    return None


def _count(name: str, value: str, label: str) -> Field:
    kilobytes = value.endswith(("kB", "KB"))
    return field(
        "Mem-Info",
        name,
        f"{value[:-2]} kB" if kilobytes else value,
        label,
        "kB" if kilobytes else "",
    )


_HEADING = re.compile(r"\[ *pid *\] +uid +tgid +total_vm +rss +(.*name)")
_TASK = re.compile(r"\[ *(\d{1,10})\] +((?:-?\d{1,18} +)+)(\S.*)")
_OLD = ["uid", "tgid", "total_vm", "rss", "pgtables_bytes", "swapents", "oom_score_adj"]
_NEW = [
    "uid",
    "tgid",
    "total_vm",
    "rss",
    "rss_anon",
    "rss_file",
    "rss_shmem",
    "pgtables_bytes",
    "swapents",
    "oom_score_adj",
]


def read_tasks(lines: list[str], at: int) -> tuple[Item, int] | None:
    """The table of tasks; the values are of the largest."""
    start, columns = at, None
    if lines[at].startswith("Tasks state"):
        at += 1
    if at < len(lines) and (match := _HEADING.fullmatch(lines[at].strip())):
        columns = ["uid", "tgid", "total_vm", "rss", *match[1].split()[:-1]]
        at += 1
    rows: list[dict[str, str]] = []
    while at < len(lines) and (match := _TASK.fullmatch(lines[at].strip())):
        cells = match[2].split()
        names = columns or (_NEW if len(cells) == len(_NEW) else _OLD)
        if len(cells) < len(names):
            break
        name = " ".join([*cells[len(names) :], match[3]])
        rows.append({"pid": match[1], **dict(zip(names, cells, strict=False)), "name": name})
        at += 1
    if at == start:
        return None
    empty = dict.fromkeys(["pid", *(columns or _NEW), "name"], "")
    largest = max(rows, key=_weight, default=empty)
    fields = tuple(field("tasks", name, value) for name, value in largest.items())
    remarks = [note("values above: the largest")] if len(rows) > 1 else []
    title = f"table of tasks that could be killed: {len(rows)} row{'s' * (len(rows) != 1)}"
    resident = int(largest["rss"]) * PAGE_BYTES if rows else None
    return Item(title, fields, (*remarks, *tasks_remarks(rows)), resident), at


def _weight(row: dict[str, str]) -> int:
    return int(row["rss"]) + int(row.get("swapents", "0"))


_OOM_KILL = re.compile(r"oom-kill:(constraint=\w+.*)")
_PAIRS = re.compile(r"(\w+)=((?:[^,]|,(?=\d))*)")
_KILLED = re.compile(
    r"(Out of memory|Memory cgroup out of memory|Out of memory \(oom_kill_allocating_task\))?:? ?"
    r"[Kk]ill(?:ed)? process (\d{1,10}),? (?:UID \d+, )?\((.*?)\),? ?(.*)"
)
_REAPED = re.compile(r"oom_reaper: reaped process (\d+) \((.*)\), now (.*)")
_VALUE = re.compile(r"([A-Za-z_-]+):(-?\d+(?:kB)?)|(score) (\d+)")
_LIMIT_OF = re.compile(r"Task in (\S+) killed as a result of limit of (\S+)")


def read_kill(lines: list[str], at: int) -> tuple[Item, int] | None:
    """`oom-kill:constraint=…`: why, and who."""
    match = _OOM_KILL.fullmatch(lines[at].strip())
    if match is None:
        return None
    pairs = dict(_PAIRS.findall(match[1].replace(",global_oom", "")))
    if ",global_oom" in match[1]:
        pairs["global_oom"] = "yes"
    fields = tuple(field("kill", name, value) for name, value in pairs.items())
    return Item("OOM report: why and whom", fields, tuple(kill_remarks(pairs))), at + 1


def read_killed(lines: list[str], at: int) -> tuple[Item, int] | None:
    """`Killed process …`, and the reaper's line."""
    line = lines[at].strip()
    fields: tuple[Field, ...]
    if match := _LIMIT_OF.fullmatch(line):
        fields = (field("kill", "task_memcg", match[1]), field("kill", "oom_memcg", match[2]))
        return Item("OOM report: the cgroup's limit, in kernels before 4.19", fields), at + 1
    reaped, match = _REAPED.fullmatch(line), _KILLED.fullmatch(line)
    if reaped:
        number, name, rest = reaped.groups()
        title = f"the OOM reaper has taken the memory of process {number} ({name})"
    elif match:
        where, number, name, rest = match.groups()
        # before Linux 5.1 such a line came first and told of a choice: a child might die in its stead
        done = "was chosen, it or a child of it dies" if rest.startswith("score") else "was killed"
        title = f"process {number} ({name}) {done}: {where or 'out of memory'}"
    else:
        return None
    pairs = {a or c: b or d for a, b, c, d in _VALUE.findall(rest)}
    fields = tuple(
        field("kill", name, value.replace("kB", " kB"))
        for name, value in [("pid", number), ("task", name), *pairs.items()]
    )
    sizes = {
        name: (whole(value) or 0) * KIB for name, value in pairs.items() if value.endswith("kB")
    }
    remarks = [] if reaped else list(killed_remarks(line, sizes, pairs))
    return Item(
        title,
        fields,
        tuple(remarks),
        sum(sizes.get(part, 0) for part in ("anon-rss", "file-rss", "shmem-rss")) or None,
    ), at + 1


_LIMIT = re.compile(
    r"(memory|memory\+swap|kmem|swap): usage (\d{1,18})kB, limit (\d{1,18})kB, failcnt (\d{1,18})"
)
_STATS = re.compile(r"Memory cgroup stats for (\S+?):(.*)")
_OLD_STAT = re.compile(r"(\w+):(\d{1,15})KB")


def read_limit(lines: list[str], at: int) -> tuple[Item, int] | None:
    """`memory: usage …, limit …, failcnt …`."""
    match = _LIMIT.fullmatch(lines[at].strip())
    if match is None:
        return None
    what, usage, limit, failures = match.groups()
    fields = (
        field("limit", what, ""),
        field("limit", "usage", f"{usage} kB"),
        field("limit", "limit", f"{limit} kB"),
        field("limit", "failcnt", failures),
    )
    return Item(
        f"a cgroup's {what} beside its limit",
        fields,
        tuple(limit_remarks(what, int(usage), int(limit), int(failures))),
    ), at + 1


def read_stats(lines: list[str], at: int) -> tuple[Item, int] | None:
    """`Memory cgroup stats for …`: a heading, and in old kernels the values too."""
    match = _STATS.fullmatch(lines[at].strip())
    if match is None:
        return None
    fields = tuple(
        field("memory.stat", name, f"{value} kB", unit="kB")
        for name, value in _OLD_STAT.findall(match[2])
    )
    return Item(f"memory.stat of the cgroup {match[1]}", fields), at + 1


READERS = (
    read_invoked,
    read_kill,
    read_killed,
    read_limit,
    read_stats,
    read_tasks,
    read_stack,
    read_mem_info,
)
