"""The scoreboard of the OOM killer as a table."""

from __future__ import annotations

from memlab.model.oom_scores import Scoreboard, Scored
from memlab.present.oom import shown
from memlab.units import counted, format_bytes


def scores_text(board: Scoreboard, top: int = 20) -> str:
    """The first in line first; sizes of the memory that the kernel counts."""
    head = (
        f"{'score':>6}{'adj':>7}{'worth':>10}{'counted':>10}{'RSS':>10}{'swap':>10}{'tables':>10}"
    )
    lines = [f"{head}{'PID':>9}  COMMAND", *(_line(board, row) for row in board.rows[:top])]
    rest = board.rows[top:]
    if rest:
        lines.append(f"and {len(rest)} more; --top N lists more")
    lines += [
        "",
        "counted = RSS + swap + page tables; worth = adj × (RAM + swap) / 1000, added to it",
        f"RAM + swap are {format_bytes(board.total)}; score is for the machine: when a cgroup is at its limit "
        f"only its own processes",
        "are weighed, and adj is worth thousandths of that limit, so that the order can be another",
    ]
    if board.unread:
        lines.append(f"not read: {counted(board.unread, 'process')}; run as root")
    return "\n".join(lines)


def _line(board: Scoreboard, row: Scored) -> str:
    sizes = [row.used, row.rss, row.swap, row.page_tables]
    cells = "".join(f"{'-' if size is None else format_bytes(size):>10}" for size in sizes)
    worth = "never" if row.never else _worth(board.adjustment(row))
    return f"{row.score:>6}{row.score_adj:>7}{worth:>10}{cells}{row.pid:>9}  {shown(row.comm)}"


def _worth(size: int) -> str:
    return f"{'+' if size > 0 else ''}{format_bytes(size)}" if size else "-"
