"""OOM reports and the scoreboard as figures: what each task counted with, and where the memory was."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from memlab.model.oom_account import Account, Line, account
from memlab.model.oom_scores import Scoreboard
from memlab.model.oom_verdict import Judged
from memlab.present.colours import INK, LINE_COLOURS
from memlab.present.figures import bare_figure
from memlab.present.oom import oom_text, shown
from memlab.present.page import figure_html, page
from memlab.units import MIB

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MOST_FIGURES = 20  # reports of a page that are drawn; all are there as text
_MEMORY, _ADJ, _TABLES, _SWAP = LINE_COLOURS[0], LINE_COLOURS[3], LINE_COLOURS[4], LINE_COLOURS[5]
_KERNEL = LINE_COLOURS[1]
_STYLE = "pre { white-space: pre-wrap; }"


def tasks_figure(judged: Judged, top: int = 10) -> go.Figure:
    """The tasks with the most points, in MiB: RSS, swap, page tables, and what the adjustment is worth.

    In kernels before 3.5 a point is a thousandth of all memory, and the bars are those of the memory all the same.
    """
    figure = bare_figure("", None)
    found = [one for one in judged.ranked if one.points is not None][:top]
    unit = judged.page_bytes / MIB
    dead = {killed.pid for killed in judged.report.killed}
    names = [
        _label(one.row.name, one.row.pid) + (": killed" if one.row.pid in dead else "")
        for one in found
    ]
    total = judged.total.pages if judged.total else 0
    rss = [(one.row.rss or 0) * unit for one in found]
    swap = [(one.row.swapents or 0) * unit for one in found]
    used = [one.used * unit for one in found]
    tables = [u - r - s for u, r, s in zip(used, rss, swap, strict=True)]
    adj = [one.adj * (total // 1000) * unit for one in found]
    _bars(figure, names, "RSS", rss, _MEMORY)
    _bars(figure, names, "swap", swap, _SWAP)
    _bars(figure, names, "page tables", tables, _TABLES)
    _bars(figure, names, "worth of oom_score_adj", adj, _ADJ)
    _lay_out(figure, len(found), "MiB that count")
    return figure


def account_figure(found: Account) -> go.Figure:
    """Where the memory was, in MiB; the kernel's own apart."""
    figure = bare_figure("", None)
    lines = [one for one in found.lines if one.bytes]
    names, sizes = [one.label for one in lines], [one.bytes / MIB for one in lines]
    colours = [_colour(one) for one in lines]
    if found.unexplained:
        names.append("in none of these")
        sizes.append(found.unexplained / MIB)
        colours.append(_ADJ)
    _bars(figure, names, found.of, sizes, colours)
    _lay_out(figure, len(names), "MiB")
    figure.update_layout(showlegend=False)
    return figure


def _colour(line: Line) -> str:
    return _KERNEL if line.of_kernel else INK if line.label.startswith("free") else _MEMORY


def scores_figure(board: Scoreboard, top: int = 20) -> go.Figure:
    """The first in line at the top: memory that the kernel counts and the worth of the adjustment, in MiB."""
    figure = bare_figure("", None)
    rows = [row for row in board.rows if not row.never][:top]
    names = [f"{_label(row.comm, row.pid)}: {row.score}" for row in rows]
    _bars(figure, names, "RSS", [row.rss / MIB for row in rows], _MEMORY)
    _bars(figure, names, "swap", [(row.swap or 0) / MIB for row in rows], _SWAP)
    _bars(figure, names, "page tables", [(row.page_tables or 0) / MIB for row in rows], _TABLES)
    worth = [board.adjustment(row) / MIB for row in rows]
    _bars(figure, names, "worth of oom_score_adj", worth, _ADJ)
    _lay_out(figure, len(rows), "MiB; behind each name its oom_score")
    return figure


def oom_page(found: Sequence[Judged], top: int = 10) -> str:
    """All reports as one HTML page: figures, and the text."""
    parts = [f"<h1>{len(found)} OOM report{'s' * (len(found) != 1)}</h1>"]
    for number, judged in enumerate(found):
        parts.append(f"<h2>Line {judged.report.first_line}: {escape(_title(judged))}</h2>")
        if number < _MOST_FIGURES:
            parts += _figures(judged, top)
        parts.append(f"<pre>{escape(oom_text(judged, top))}</pre>")
    return page("OOM reports", "".join(parts), _STYLE)


def _figures(judged: Judged, top: int) -> list[str]:
    parts = []
    if judged.ranked:
        caption = "What each task counted with, the most points at the top."
        parts.append(figure_html(tasks_figure(judged, top), caption))
    if (accounted := account(judged.report, judged.page_bytes)) is not None:
        parts.append(
            figure_html(
                account_figure(accounted),
                f"Where it was: {accounted.of}; orange is the kernel's own, grey is free.",
            )
        )
    return parts


def _title(judged: Judged) -> str:
    killed = judged.report.killed
    if not killed:
        return "who was killed is cut off"
    more = f" and {len(killed) - 1} more" if len(killed) > 1 else ""
    return f"{shown(killed[0].comm)} ({killed[0].pid}){more} killed"


def _label(name: str, pid: int) -> str:
    """A comm may hold what plotly takes for markup."""
    return f"{escape(shown(name))} ({pid})"


def _bars(
    figure: go.Figure, names: list[str], name: str, sizes: list[float], colour: str | list[str]
) -> None:
    if any(sizes):
        figure.add_bar(y=names, x=sizes, name=name, orientation="h", marker_color=colour)


def _lay_out(figure: go.Figure, rows: int, unit: str) -> None:
    figure.update_layout(
        barmode="relative", height=160 + 22 * rows, xaxis_title=unit, margin_l=190,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"},
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category")
