"""The figures of a scorecard, and all of them as one page that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from memlab.lab.scorecard.metrics import Share
from memlab.model.diagnosis import Verdict
from memlab.present.colours import DASHES, GRID, INK, LINE_COLOURS, VERDICT_COLOURS
from memlab.present.figures import bare_figure
from memlab.units import MIB

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from memlab.lab.scorecard.blind import Blind


def curves_figure(programs: Mapping[str, Blind]) -> go.Figure:
    """Resident memory of each, from its own start, in a small chart of its own: shape, and no size."""
    from plotly.subplots import make_subplots

    columns = 5
    figure = make_subplots(
        rows=-(-len(programs) // columns), cols=columns, subplot_titles=list(programs)
    )
    for nth, program in enumerate(programs.values()):
        series = program.recording.series("statm.resident")
        figure.add_scatter(
            x=series.times - series.times[0], y=(series.values - series.values[0]) / MIB,
            mode="lines", line_color=LINE_COLOURS[0], row=nth // columns + 1, col=nth % columns + 1,
        )  # fmt: skip
    figure.update_layout(
        template="plotly_white", showlegend=False, height=380, font_color=INK,
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 40, "r": 20, "t": 50, "b": 50},
        title="Growth of resident memory, MiB, over seconds",
    )  # fmt: skip
    # a curve that moves by a page must not look like one that moves by megabytes
    for axis in figure.select_yaxes():
        axis.update(gridcolor=GRID, zerolinecolor=GRID, rangemode="tozero", minallowed=-1)
    return figure.update_xaxes(gridcolor=GRID, zerolinecolor=GRID)


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


def alarms_figure(told: dict[str, Any], title: str = "") -> go.Figure:
    """Of 100 alarms how many are true, over how rare leaks are: Bayes, from the longest watch's counts.

    Where no false alarm was counted, the upper end of Wilson's interval stands for it.
    """
    figure = bare_figure(title or "Of 100 alarms, how many are true", "true alarms of 100")
    longest = max((row["seconds"] for row in told["windows"]), default=0.0)
    rare = [10 ** (-step / 10) for step in range(31)]
    rows = [row for row in told["windows"] if row["seconds"] == longest]
    for nth, row in enumerate(rows):
        if not row["recall"][0]:
            continue  # who finds none has no true alarm
        found, alarms = Share(*row["recall"]), Share(*row["false_alarms"])
        hit, false = found.value or 0.0, alarms.value or alarms.interval[1]
        true = [100 * hit * share / (hit * share + false * (1 - share)) for share in rare]
        figure.add_scatter(
            x=rare, y=true, name=row["who"], mode="lines",
            line={"color": LINE_COLOURS[nth], "dash": DASHES[min(nth, 1)], "width": 3 if nth == 0 else 2},
        )  # fmt: skip
    figure.update_layout(xaxis_title="share of the programs that leak", height=420)
    figure.update_xaxes(
        type="log", autorange="reversed", tickvals=[1, 0.1, 0.01, 0.001],
        ticktext=["all", "1 in 10", "1 in 100", "1 in 1,000"],
    )  # fmt: skip
    return figure


def page(told: dict[str, Any]) -> str:
    """A whole HTML page with the figures and plotly.js in it."""
    figures = [matrix_figure(told), waiting_figure(told), alarms_figure(told)]
    bodies = [
        figure.to_html(full_html=False, include_plotlyjs=nth == 0)
        for nth, figure in enumerate(figures)
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>memlab scorecard</title>'
        '<body style="font-family: sans-serif; max-width: 60rem; margin: 2rem auto">'
        "<h1>memlab scorecard</h1>" + "".join(bodies) + "</body></html>\n"
    )
