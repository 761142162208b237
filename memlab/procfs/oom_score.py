"""/proc/PID/oom_score, oom_score_adj, oom_adj: whom the kernel would kill (fs/proc/base.c; proc.rst 3.1, 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Unsupported
from memlab.procfs.fields import numbers, only_line
from memlab.procfs.host import Host


@dataclass(frozen=True)
class OomScore:
    """score: 0 to 2000, of the machine's memory and swap, the adjustment included: a task of no
    memory and adjustment 0 has 666; inside a cgroup with a limit the order can be another.
    score_adj: -1000 (never) to 1000, in thousandths of that memory. adj: the same in the old
    scale, -17 to 15; None where the kernel has it no more.
    """

    score: int
    score_adj: int
    adj: int | None


def parse(text: bytes, path: str = "oom_score") -> int:
    """One number."""
    line = only_line(text, path)
    (value,) = numbers([line], path, line)
    return value


def read(host: Host, pid: int | str) -> OomScore:
    """Read them; all three may be read of every process."""
    score, score_adj = (_number(host, pid, name) for name in ("oom_score", "oom_score_adj"))
    try:
        adj = _number(host, pid, "oom_adj")
    except Unsupported:
        adj = None
    return OomScore(score, score_adj, adj)


def _number(host: Host, pid: int | str, name: str) -> int:
    path = f"/proc/{pid}/{name}"
    return parse(host.read(path), path)
