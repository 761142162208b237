"""The lines of an OOM report that say who asked, whose limit it was, and who died: one function for each kind.

Each takes the kernel's words (`prefix.without`) and answers a record, or None for another line. No pattern has
two open-ended parts side by side: a line of any content costs time in proportion to its length.
"""

from __future__ import annotations

import re

from memlab.procfs.oom.records import Asker, Invoked, Killing, Limit, Reaped, Version

_COMM_BYTES = 15  # TASK_COMM_LEN - 1
_PAIR = re.compile(
    r"([a-z_]+)=(0x[0-9a-fA-F]+(?:\([^)]*\))?|\(null\)|[\d,-]*\d(?=[,\s]|$)|[^,\s]*)"
)
_ASKER = re.compile(
    r"(?:CPU: \d+ (?:UID: \d+ )?PID: |Pid: )(\d{1,10}),? [Cc]omm: (.{1,64}?) "
    r"(?:Not tainted|Tainted: .{0,64}?)(?: (\d+\.\d+\S{0,64}).*)?$"
)
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})(?:\.(\d{1,5}))?")
_STACK = re.compile(
    r"CPU: \d+ .*Comm: .*|Pid: \d+, comm: .*|Hardware name: .*|Call Trace:.*| *</?(?:TASK|IRQ|NMI)>"
    r"| *(?:\? |\[)?\S+\+0x[0-9a-f]+/0x[0-9a-f]+.*"
    r"|(?:RIP|RSP|Code|R[A-D]X|RBP|RSI|RDI|R\d\d|[FGC]S|ORIG_RAX|EAX|ESI|EIP|DS): ?.*"
    r"|Workqueue: .*|Tainted: .*"
)
_LIMIT = re.compile(
    r"(memory|memory\+swap|kmem|swap): usage (\d{1,18})kB, limit (\d{1,18})kB, failcnt (\d{1,18})"
)
_OLD_STAT = re.compile(r"(\w+):(\d{1,15})KB")
_STAT = re.compile(r"([a-z][a-z0-9_]{0,63}) (\d{1,20})")
_KILLING = re.compile(
    r"(?:(Out of [mM]emory(?: \(oom_kill_allocating_task\))?|Memory cgroup out of memory"
    r"|No available memory (?:\(MPOL_BIND\)|in cpuset)):? ?)?"
    r"[Kk]ill(?:ed)? process (\d{1,10}),? (?:UID (\d{1,10}), )?\((.{0,64})\)(?=[,. ]|$)[,.]? ?(.*)"
)
_VALUE = re.compile(r"([A-Za-z_-]{1,32}):(-?\d{1,18}(?:kB)?)|(score) (\d{1,18})")
_REAPED = re.compile(r"oom_reaper: reaped process (\d{1,10}) \((.{0,64})\), now (.*)")
_KILL_KEYS = (
    "nodemask", "cpuset", "mems_allowed", "global_oom", "oom_memcg", "task_memcg", "task", "pid", "uid",
)  # fmt: skip


def invoked(line: str) -> Invoked | None:
    """The first line of a report."""
    before, found, rest = line.partition(" invoked oom-killer: ")
    if not found:
        return None
    return Invoked(_comm(before), dict(_PAIR.findall(rest)))


def _comm(text: str) -> str:
    """The last words of a line's beginning that fit into a comm: a log may have put more before it."""
    text = text.strip()
    while len(text.encode(errors="surrogateescape")) > _COMM_BYTES and " " in text:
        text = text.partition(" ")[2].lstrip()
    return text


def asker(line: str) -> Asker | None:
    """Who asked, with its pid, and the kernel's release."""
    found = _ASKER.search(line)
    return Asker(int(found[1]), found[2], found[3]) if found else None


def version(kernel: str | None) -> Version | None:
    """'6.1.0-13-amd64' -> (6, 1, 0)."""
    found = _VERSION.match(kernel or "")
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def is_stack(line: str) -> bool:
    """A call trace, and what the kernel prints round it."""
    return _STACK.fullmatch(line) is not None


def cpuset(line: str) -> str | None:
    """`X cpuset=/ mems_allowed=0`, the second line from 2.6.36 to 4.20: the cpuset's name."""
    _, found, rest = line.partition(" cpuset=")
    name, allowed, _ = rest.rpartition(" mems_allowed=")
    return name if found and allowed else None


def kill(line: str) -> dict[str, str] | None:
    """`oom-kill:constraint=…` (5.0 and later): name and value as printed; global_oom is "yes".

    A cgroup and a comm may hold commas and equal signs: the names are looked for in the kernel's order.
    """
    _, found, rest = line.partition("oom-kill:constraint=")
    if not found:
        return None
    marks, end = [("constraint", 0, 0)], 0
    for key in _KILL_KEYS:
        word = ",global_oom" if key == "global_oom" else f",{key}="
        at = (rest.rfind if key in ("pid", "uid") else rest.find)(word, end)
        if at >= 0:
            end = at + len(word)
            marks.append((key, at, end))
    ends = [start for _, start, _ in marks[1:]] + [len(rest)]
    pairs = {key: rest[begin:until] for (key, _, begin), until in zip(marks, ends, strict=True)}
    if "global_oom" in pairs:
        pairs["global_oom"] = "yes"
    return pairs


def limit_of(line: str) -> tuple[str, str] | None:
    """`Task in A killed as a result of limit of B`, until 4.20: (A, B)."""
    _, found, rest = line.partition("Task in ")
    task, middle, limit = rest.partition(" killed as a result of limit of ")
    return (task, limit.strip()) if found and middle else None


def limit(line: str) -> Limit | None:
    """A counter of the cgroup beside its limit."""
    found = _LIMIT.search(line)
    return Limit(found[1], int(found[2]), int(found[3]), int(found[4])) if found else None


def stats(line: str) -> tuple[str, dict[str, int]] | None:
    """`Memory cgroup stats for PATH:`; the values, in kB, where an old kernel puts them into the same line."""
    _, found, rest = line.partition("Memory cgroup stats for ")
    if not found:
        return None
    path, _, values = rest.rstrip().partition(": ")
    return path.removesuffix(":"), {name: int(size) for name, size in _OLD_STAT.findall(values)}


def stat(line: str) -> tuple[str, int] | None:
    """`anon 98742272`, a line of memory.stat: bytes, pages or a count, as its name says."""
    found = _STAT.fullmatch(line.strip())
    return (found[1], int(found[2])) if found else None


def killing(line: str) -> Killing | None:
    """Who is chosen or killed."""
    found = _KILLING.search(line)
    if found is None:
        return None
    reason, pid, uid, comm, rest = found.groups()
    pairs = {a or c: b or d for a, b, c, d in _VALUE.findall(rest)}
    if uid is not None:
        pairs.setdefault("UID", uid)
    return Killing(reason, int(pid), comm, "illed process" in found[0], rest, pairs)


def reaped(line: str) -> Reaped | None:
    """What the reaper left."""
    found = _REAPED.search(line)
    if found is None:
        return None
    return Reaped(int(found[1]), found[2], {a: b for a, b, _, _ in _VALUE.findall(found[3]) if a})


def group(line: str) -> str | None:
    """All of a cgroup are killed (memory.oom.group): its path."""
    _, found, rest = line.partition("Tasks in ")
    path, middle, _ = rest.partition(" are going to be killed due to memory.oom.group")
    return path if found and middle else None


def nobody(line: str) -> bool:
    """There was none to kill."""
    return "ut of memory and no killable processes" in line
