"""A rehearsal as figures: scores over time, the group filling up, and two measures of the same tasks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from memlab.model.oom_rehearsal import Rehearsed
from memlab.present.colours import INK, LINE_COLOURS
from memlab.present.figures import bare_figure
from memlab.present.oom import oom_text
from memlab.present.oom_figure import tasks_figure
from memlab.present.page import figure_html, page
from memlab.present.rehearsal import rehearsal_text
from memlab.units import MIB, format_bytes

if TYPE_CHECKING:
    import plotly.graph_objects as go

# eight tasks at the most: the palette's own, and two that differ from them in lightness
_COLOURS = (*LINE_COLOURS, "#6B6ECF", "#8C6D31")
_REST = "rgba(140,140,140,.55)"
_DEAD = "#D13438"
_STYLE = "pre { white-space: pre-wrap; }"


def scores_over_time(told: Rehearsed) -> go.Figure:
    """oom_score of every task at each look, until it is dead; a cross where the kernel killed."""
    figure = bare_figure("", "oom_score")
    dead = {one.name for one in told.deaths}
    for name, colour in _coloured(told):
        points = [
            (look.at, one.score) for look in told.looks for one in look.seen if one.name == name
        ]
        if not points:
            continue
        times, scores = zip(*points, strict=True)
        figure.add_scatter(
            x=times,
            y=scores,
            name=name,
            mode="lines",
            line={"color": colour, "shape": "hv", "width": 3},
        )
        if name in dead:
            figure.add_scatter(
                x=[times[-1]], y=[scores[-1]], mode="markers+text", text=[f" {name} killed"],
                textposition="top right", showlegend=False, cliponaxis=False, hoverinfo="skip",
                marker={"symbol": "x", "size": 11, "color": _DEAD}, textfont={"color": _DEAD},
            )  # fmt: skip
    last = told.looks[-1].at
    # room on the right for the last cross's words
    figure.update_xaxes(
        range=[-0.02 * last, 1.25 * last], title="seconds since all had their memory"
    )
    read = [one.score for look in told.looks for one in look.seen]
    if max(read) - min(read) < 8:  # it has whole numbers only
        figure.update_yaxes(dtick=1, range=[min(read) - 1, max(read) + 1])
    return figure


def group_over_time(told: Rehearsed) -> go.Figure:
    """What the group holds, in MiB: each task's anonymous memory, stacked, on top what is nobody's; and the limit."""
    figure = bare_figure("", "MiB in the group")
    times = [look.at for look in told.looks]
    sizes = {name: [0.0] * len(times) for name in told.line_up.names}
    for number, look in enumerate(told.looks):
        for one in look.seen:
            sizes[one.name][number] = one.anon / MIB
    for name, colour in _coloured(told):
        _layer(figure, times, sizes[name], name, colour)
    summed = [sum(column) for column in zip(*sizes.values(), strict=True)]
    rest = [
        max(look.usage / MIB - known, 0.0) for look, known in zip(told.looks, summed, strict=True)
    ]
    _layer(figure, times, rest, "no task's own: tmpfs, files, kernel", _REST)
    limit = told.line_up.limit / MIB
    figure.add_hline(
        y=limit,
        line={"color": INK, "dash": "dash"},
        annotation_text="limit",
        annotation_position="top left",
    )
    for death in told.deaths:
        figure.add_vline(x=death.at, line={"color": _DEAD, "dash": "dot"})
        figure.add_annotation(
            x=death.at,
            y=1.08 * limit,
            text=f"{death.name} killed",
            showarrow=False,
            xanchor="right",
            font_color=_DEAD,
        )
    figure.update_yaxes(range=[0, 1.18 * limit])
    figure.update_xaxes(title="seconds since all had their memory")
    return figure


def _layer(
    figure: go.Figure, times: list[float], sizes: list[float], name: str, colour: str
) -> None:
    figure.add_scatter(
        x=times, y=sizes, name=name, stackgroup="one", mode="lines", fillcolor=colour,
        line={"color": colour, "width": 0.5, "shape": "hv"},
    )  # fmt: skip


def two_measures(told: Rehearsed) -> go.Figure:
    """The tasks when the group is full, in MiB: measured by the machine (oom_score), and by the group (the choice)."""
    from plotly.subplots import make_subplots

    style = bare_figure("", None).layout
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.05,
        subplot_titles=(
            f"as oom_score measures:<br>adj of {format_bytes(told.total)}",
            f"as the kernel chose:<br>adj of {format_bytes(told.line_up.limit)}",
        ),
    )  # fmt: skip
    ranked = [one for one in told.forecast.ranked if one.points is not None][::-1]
    names = [one.row.name + (" (killed)" if one.row.name == told.victim else "") for one in ranked]
    for column, size in ((1, told.total), (2, told.line_up.limit)):
        memory = [one.used * told.page_bytes / MIB for one in ranked]
        worth = [one.adj * (size // 1000) / MIB for one in ranked]
        for name, values, colour in (
            ("memory", memory, LINE_COLOURS[0]),
            ("adj is worth", worth, LINE_COLOURS[3]),
        ):
            figure.add_bar(
                y=names, x=values, name=name, orientation="h", marker_color=colour, showlegend=column == 1,
                row=1, col=column,
            )  # fmt: skip
    figure.update_layout(
        template="plotly_white", barmode="relative", height=170 + 34 * len(ranked), font_color=INK,
        paper_bgcolor=style.paper_bgcolor, plot_bgcolor=style.plot_bgcolor, legend={"orientation": "h", "y": -0.42},
        margin={"l": 110, "r": 20, "t": 60, "b": 60},
    )  # fmt: skip
    figure.update_xaxes(title="MiB", gridcolor=style.xaxis.gridcolor)
    return figure


def _coloured(told: Rehearsed) -> list[tuple[str, str]]:
    return list(zip(told.line_up.names, _COLOURS, strict=False))


def rehearsal_page(told: Rehearsed) -> str:
    """One HTML page: the figures, the account, and every report as `memlab oom read` tells it."""
    parts = [f"<h1>{escape(_title(told))}</h1>", f"<pre>{escape(rehearsal_text(told))}</pre>"]
    parts += [
        figure_html(two_measures(told), "The same tasks, with the group full, by two measures."),
        figure_html(group_over_time(told), "What the group held; dotted: the kernel kills."),
        figure_html(scores_over_time(told), "oom_score as anybody could read it meanwhile."),
    ]
    for number, judged in enumerate(told.judged, 1):
        parts.append(f"<h2>The kernel's report {number}</h2>")
        if judged.ranked:
            parts.append(
                figure_html(tasks_figure(judged), "What each counted with, by the kernel's table.")
            )
        parts.append(f"<pre>{escape(oom_text(judged))}</pre>")
    return page(_title(told), "".join(parts), _STYLE)


def _title(told: Rehearsed) -> str:
    return f"OOM rehearsal: {told.victim or 'nobody'} killed"
