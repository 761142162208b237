"""OOM reports, in dmesg, syslog, journal or kmsg."""

from __future__ import annotations

from memlab.model.oom_words import constraint_words
from memlab.observe.pasted.taken import Taken
from memlab.procfs import oom_report
from memlab.units import format_bytes


def looks_like(lines: list[str]) -> bool:
    """Somebody asked the killer, or was killed by it."""
    return any("invoked oom-killer:" in line or "Killed process " in line for line in lines)


def read(lines: list[str], pid: int | None = None) -> Taken:
    """Who was killed, and how large it was."""
    reports = oom_report.parse("\n".join(lines).encode())
    kills = [kill for report in reports for kill in report.killed]
    what = f"kernel log with {len(kills)} OOM kill{'s' if len(kills) != 1 else ''}"
    last = next((kill for kill in reversed(kills) if kill.pid == pid), kills[-1] if kills else None)
    return Taken(
        what,
        last.pid if last else None,
        last.comm if last else None,
        told=tuple(map(_told, kills)),
        pids=frozenset(kill.pid for kill in kills),
        cannot=(
            "a report is one moment: whether the victim leaked, or was only the largest, it does not say",
        ),
        killed=bool(kills),
    )


def _told(kill: oom_report.Killed) -> str:
    parts = {"anonymous": kill.anon_rss, "file": kill.file_rss, "shared": kill.shmem_rss}
    sizes = ", ".join(
        f"{format_bytes(size)} {name}" for name, size in parts.items() if size is not None
    )
    why = f": {constraint_words(kill.constraint)}" if kill.constraint else ""
    asked = f"; {kill.invoked_by} asked for the page" if kill.invoked_by else ""
    return f"{kill.comm} (pid {kill.pid}) was killed{f' with {sizes}' if sizes else ''}{why}{asked}"
