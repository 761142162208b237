"""Reads oom_score, oom_score_adj and the memory of every process: whom the kernel would kill now."""

from __future__ import annotations

from memlab.errors import Denied, Gone, Unsupported
from memlab.model.oom_scores import Scoreboard, Scored, scoreboard
from memlab.observe.processes import pids
from memlab.procfs import meminfo, oom_score, status
from memlab.procfs.host import Host


def oom_scores(host: Host | None = None) -> Scoreboard:
    """Everybody at one instant: these files are readable for all processes, whoever owns them.

    Left out: kernel threads and zombies, which have no memory, and who ends meanwhile. A mount of /proc with
    hidepid, or another PID namespace, shows fewer processes, and nothing says how many.
    """
    host = host or Host()
    rows: list[Scored] = []
    denied = 0
    for pid in pids(host):
        try:
            row = _row(host, pid)
        except Denied:
            denied += 1
        except (Gone, Unsupported):
            continue
        else:
            rows += [row] if row is not None else []
    return scoreboard(rows, machine_total(host), denied)


def machine_total(host: Host | None = None) -> int:
    """RAM and swap in bytes: what oom_score is measured by (totalram_pages + total_swap_pages)."""
    machine = meminfo.read(host or Host())
    return machine.mem_total + (machine.swap_total or 0)


def _row(host: Host, pid: int) -> Scored | None:
    """None for who has no memory of its own."""
    words = status.read(host, pid)
    if words.vm_rss is None:
        return None
    score = oom_score.read(host, pid)
    tables = [size for size in (words.vm_pte, words.vm_pmd) if size is not None]
    return Scored(
        pid=pid,
        comm=words.name,
        uid=words.uid[0] if words.uid else None,
        score=score.score,
        score_adj=score.score_adj,
        rss=words.vm_rss,
        swap=words.vm_swap,
        page_tables=sum(tables) if tables else None,
    )
