"""OOM reports, in dmesg, syslog, journal or kmsg."""

from __future__ import annotations

from memlab.observe.pasted.taken import Taken
from memlab.procfs import oom_report
from memlab.units import format_bytes

_WHOSE = {
    "CONSTRAINT_NONE": "the whole machine was out of memory",
    "CONSTRAINT_MEMCG": "its cgroup had reached its limit",
    "CONSTRAINT_CPUSET": "the nodes of its cpuset were full",
    "CONSTRAINT_MEMORY_POLICY": "the nodes of its memory policy were full",
}


def looks_like(lines: list[str]) -> bool:
    """Somebody asked the killer, or was killed by it."""
    return any("invoked oom-killer:" in line or "Killed process " in line for line in lines)


def read(lines: list[str]) -> Taken:
    """Who was killed, and how large it was."""
    kills = oom_report.parse("\n".join(lines).encode())
    what = f"kernel log with {len(kills)} OOM kill{'s' if len(kills) != 1 else ''}"
    last = kills[-1] if kills else None
    return Taken(
        what,
        last.pid if last else None,
        last.comm if last else None,
        told=tuple(map(_told, kills)),
        cannot=(
            "a report is one moment: whether the victim leaked, or was only the largest, it does not say",
        ),
    )


def _told(kill: oom_report.Killed) -> str:
    parts = {"anonymous": kill.anon_rss, "file": kill.file_rss, "shared": kill.shmem_rss}
    sizes = ", ".join(
        f"{format_bytes(size)} {name}" for name, size in parts.items() if size is not None
    )
    why = f": {_WHOSE.get(kill.constraint, kill.constraint)}" if kill.constraint else ""
    asked = f"; {kill.invoked_by} asked for the page" if kill.invoked_by else ""
    return f"{kill.comm} (pid {kill.pid}) was killed{f' with {sizes}' if sizes else ''}{why}{asked}"
