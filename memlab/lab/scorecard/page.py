"""The figures of a scorecard, and all of them as one page that needs no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memlab.lab.scorecard.metrics import Share
from memlab.model.diagnosis import Verdict
from memlab.present.colours import DASHES, LINE_COLOURS, VERDICT_COLOURS
from memlab.present.figures import bare_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go


def matrix_figure(told: dict[str, Any], title: str = "") -> go.Figure:
    """What was said of leaks and of others, as bars of the verdicts' colours."""
    counts = {(leak, verdict): count for leak, verdict, count in told["matrix"]}
    figure = bare_figure(title or "What was said of what", None)
    rows = {True: "leaks", False: "no leaks"}
    for verdict in Verdict:
        shown = [counts.get((leak, verdict.value), 0) for leak in rows]
        figure.add_bar(
            orientation="h", name=verdict.value, y=list(rows.values()), x=shown,
            text=[number or "" for number in shown], marker_color=VERDICT_COLOURS[verdict],
        )  # fmt: skip
    figure.update_layout(barmode="stack", xaxis_title="cases", height=260)
    return figure


def waiting_figure(told: dict[str, Any], title: str = "") -> go.Figure:
    """Precision over the length of the watch, of everybody, with Wilson's intervals."""
    figure = bare_figure(
        title or "Of those called a leak, how many are", "precision, with 95 % interval"
    )
    names = list(dict.fromkeys(row["who"] for row in told["windows"]))
    for nth, name in enumerate(names):
        rows = [row for row in told["windows"] if row["who"] == name and row["precision"][1]]
        shares = [Share(*row["precision"]) for row in rows]
        values = [share.value or 0.0 for share in shares]
        figure.add_scatter(
            x=[row["seconds"] for row in rows], y=values, name=name, mode="lines+markers",
            line={"color": LINE_COLOURS[nth], "dash": DASHES[min(nth, 1)], "width": 3 if nth == 0 else 2},
            error_y={
                "array": [share.interval[1] - value for share, value in zip(shares, values, strict=True)],
                "arrayminus": [value - share.interval[0] for share, value in zip(shares, values, strict=True)],
                "thickness": 1,
            },
            customdata=[[*row["precision"], *row["recall"]] for row in rows],
            hovertemplate="%{customdata[0]} of %{customdata[1]} called a leak are one;"
            " %{customdata[2]} of %{customdata[3]} leaks found",
        )  # fmt: skip
    figure.update_layout(xaxis_title="seconds watched", height=420)
    figure.update_yaxes(range=[0, 1.02])
    return figure


def page(told: dict[str, Any]) -> str:
    """A whole HTML page with the figures and plotly.js in it."""
    figures = [matrix_figure(told), waiting_figure(told)]
    bodies = [
        figure.to_html(full_html=False, include_plotlyjs=nth == 0)
        for nth, figure in enumerate(figures)
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>memlab scorecard</title>'
        '<body style="font-family: sans-serif; max-width: 60rem; margin: 2rem auto">'
        "<h1>memlab scorecard</h1>" + "".join(bodies) + "</body></html>\n"
    )
