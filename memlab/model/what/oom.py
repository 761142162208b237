"""The report of the out-of-memory killer, part by part, as the kernel log has it."""

from __future__ import annotations

from collections.abc import Mapping

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
from memlab.procfs.oom import lines as kinds
from memlab.procfs.oom import mem_info, table
from memlab.procfs.oom.records import MemLine, Row
from memlab.units import KIB, PAGE_BYTES


def read_invoked(lines: list[str], at: int) -> tuple[Item, int] | None:
    """The first line of a report."""
    found = kinds.invoked(lines[at].strip())
    if found is None:
        return None
    fields = [field("invoked", "invoked", found.comm)]
    for name, value in found.pairs.items():
        fields.append(field("invoked", name, value))
        if name == "gfp_mask" and "(" in value:
            bits = value[value.index("(") + 1 : -1].split("|")
            fields += [field("gfp", bit, "", f"  {bit}") for bit in bits if bit]
    item = Item(
        "OOM report begins: the kernel found no memory for a request",
        tuple(fields),
        tuple(invoked_remarks(found.comm, found.pairs)),
    )
    return item, at + 1


def read_stack(lines: list[str], at: int) -> tuple[Item, int] | None:
    """Who asked, and by which path; registers are passed over."""
    if not kinds.is_stack(lines[at]):
        return None
    calls: list[str] = []
    while at < len(lines) and (kinds.is_stack(lines[at]) or not lines[at].strip(" =")):
        if "+0x" in lines[at] and not lines[at].lstrip().startswith(("? ", "RIP", "Code")):
            calls.append(lines[at].strip(" []").split("+0x")[0])
        at += 1
    shown = " < ".join(calls[:4]) + (f" and {len(calls) - 4} more" if len(calls) > 4 else "")
    return Item(
        "call trace of the process that asked",
        (field("call trace", "stack", shown or "(cut)"),),
        tuple(stack_remarks(calls)),
    ), at


def read_mem_info(lines: list[str], at: int) -> tuple[Item, int] | None:
    """All lines between the stack and the table: the machine's memory at that moment."""
    fields: list[Field] = []
    remarks: list[Remark] = []
    swap: dict[str, int] = {}
    start = at
    while at < len(lines):
        line = mem_info.read(lines[at])
        if line is None and (at == start or lines[at].strip()):
            break
        if line is not None:
            fields += _mem_info_line(line, remarks, swap)
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


def _mem_info_line(line: MemLine, remarks: list[Remark], swap: dict[str, int]) -> list[Field]:
    pairs, label = dict(line.pairs), line.label
    if line.kind == "zone":
        stuck = [value for name, value in line.pairs if name == "all_unreclaimable?"]
        counts = {name: value for name, value in pairs.items() if name != "all_unreclaimable?"}
        marks = [whole(counts.get(name, "")) for name in ("free", "min", "low", "high")]
        known = [mark * KIB for mark in marks if mark is not None]
        if len(known) == 4:
            remark = mark_remark(*known)
            remarks.append(Remark(remark.tone, f"{label}: {remark.text}"))
        found = [_count(name, value, f"{label} {name}") for name, value in counts.items()]
        return found + [field("Mem-Info", "all_unreclaimable?", value) for value in stuck]
    if line.kind in ("counts", "cpu"):
        start = f"CPU {label} " if line.kind == "cpu" else ""
        return [_count(name, value, start + name) for name, value in line.pairs]
    if line.kind in ("lowmem", "blocks"):
        shown = f"{label} free blocks" if label else ""
        return [field("Mem-Info", name, value, shown, "text") for name, value in line.pairs]
    if line.kind == "swap":
        swap.update((name, (whole(value) or 0) * KIB) for name, value in line.pairs)
    return [field("Mem-Info", name, value) for name, value in line.pairs]


def _count(name: str, value: str, label: str) -> Field:
    kilobytes = value.endswith(("kB", "KB"))
    return field(
        "Mem-Info",
        name,
        f"{value[:-2]} kB" if kilobytes else value,
        label,
        "kB" if kilobytes else "",
    )


def read_tasks(lines: list[str], at: int) -> tuple[Item, int] | None:
    """The table of tasks; the values are of the largest."""
    start, columns = at, None
    if lines[at].startswith("Tasks state"):
        at += 1
    if at < len(lines) and (columns := table.heading(lines[at])):
        at += 1
    rows: list[dict[str, str]] = []
    while at < len(lines) and (found := table.row(lines[at], columns)):
        rows.append(_texts(found))
        at += 1
    if at == start:
        return None
    empty = dict.fromkeys(["pid", *(columns or ("uid", "tgid", "total_vm", "rss")), "name"], "")
    largest = max(rows, key=_weight, default=empty)
    fields = tuple(field("tasks", name, value) for name, value in largest.items())
    remarks = [note("values above: the largest")] if len(rows) > 1 else []
    title = f"table of tasks that could be killed: {len(rows)} row{'s' * (len(rows) != 1)}"
    resident = int(largest["rss"]) * PAGE_BYTES if rows else None
    return Item(title, fields, (*remarks, *tasks_remarks(rows)), resident), at


def _texts(row: Row) -> dict[str, str]:
    values = {name: str(value) for name, value in table.cells(row).items()}
    return {"pid": str(row.pid), **values, "name": row.name}


def _weight(row: dict[str, str]) -> int:
    return int(row["rss"]) + int(row.get("swapents", "0"))


def read_kill(lines: list[str], at: int) -> tuple[Item, int] | None:
    """`oom-kill:constraint=…`: why, and who."""
    pairs = kinds.kill(lines[at].strip())
    if pairs is None:
        return None
    fields = tuple(field("kill", name, value) for name, value in pairs.items())
    return Item("OOM report: why and whom", fields, tuple(kill_remarks(pairs))), at + 1


def read_killed(lines: list[str], at: int) -> tuple[Item, int] | None:
    """`Killed process …`, and the reaper's line."""
    line = lines[at].strip()
    if match := kinds.limit_of(line):
        fields = (field("kill", "task_memcg", match[0]), field("kill", "oom_memcg", match[1]))
        return Item("OOM report: the cgroup's limit, in kernels before 4.19", fields), at + 1
    if reaped := kinds.reaped(line):
        title = f"the OOM reaper has taken the memory of process {reaped.pid} ({reaped.comm})"
        return _killed_item(title, reaped.pid, reaped.comm, reaped.pairs, ()), at + 1
    killing = kinds.killing(line)
    if killing is None:
        return None
    # before Linux 5.1 such a line came first and told of a choice: a child might die in its stead
    done = "was killed" if killing.done else "was chosen, it or a child of it dies"
    title = f"process {killing.pid} ({killing.comm}) {done}: {killing.reason or 'out of memory'}"
    remarks = killed_remarks(line, _sizes(killing.pairs), killing.pairs)
    return _killed_item(title, killing.pid, killing.comm, killing.pairs, tuple(remarks)), at + 1


def _sizes(pairs: Mapping[str, str]) -> dict[str, int]:
    return {name: (whole(value) or 0) * KIB for name, value in pairs.items() if value[-2:] == "kB"}


def _killed_item(
    title: str, pid: int, comm: str, pairs: Mapping[str, str], remarks: tuple[Remark, ...]
) -> Item:
    fields = tuple(
        field("kill", name, value.replace("kB", " kB"))
        for name, value in [("pid", str(pid)), ("task", comm), *pairs.items()]
    )
    sizes = _sizes(pairs)
    resident = sum(sizes.get(part, 0) for part in ("anon-rss", "file-rss", "shmem-rss"))
    return Item(title, fields, remarks, resident or None)


def read_limit(lines: list[str], at: int) -> tuple[Item, int] | None:
    """`memory: usage …, limit …, failcnt …`."""
    found = kinds.limit(lines[at].strip())
    if found is None:
        return None
    fields = (
        field("limit", found.what, ""),
        field("limit", "usage", f"{found.usage_kb} kB"),
        field("limit", "limit", f"{found.limit_kb} kB"),
        field("limit", "failcnt", str(found.failcnt)),
    )
    remarks = limit_remarks(found.what, found.usage_kb, found.limit_kb, found.failcnt)
    return Item(f"a cgroup's {found.what} beside its limit", fields, tuple(remarks)), at + 1


def read_stats(lines: list[str], at: int) -> tuple[Item, int] | None:
    """`Memory cgroup stats for …`: a heading, and in old kernels the values too."""
    found = kinds.stats(lines[at].strip())
    if found is None:
        return None
    path, values = found
    fields = tuple(
        field("memory.stat", name, f"{value} kB", unit="kB") for name, value in values.items()
    )
    return Item(f"memory.stat of the cgroup {path}", fields), at + 1


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
