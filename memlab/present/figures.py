"""Recordings and samples as plotly figures: to study, to compare, to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from memlab.model.memory import FOUR_TYPES, MemoryType
from memlab.present.colours import GRID, INK, LINE_COLOURS, TYPE_COLOURS, VERDICT_COLOURS
from memlab.procfs.page_runs import Category
from memlab.units import KIB, MIB, format_bytes

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from memlab.model.diagnosis import Diagnosis, Finding
    from memlab.model.machine import MachineLedger
    from memlab.model.recording import Recording
    from memlab.model.sample import Sample
    from memlab.model.series import Series
    from memlab.model.why import Explanation
    from memlab.procfs.page_runs import PageRuns


def series_figure(
    recording: Recording, *names: str, growth: bool = False, title: str = ""
) -> go.Figure:
    """Fields of a recording over its time, as `stat.vsize` or `meminfo.shmem`, in MiB.

    With `growth` each begins at 0. Raises Unsupported for a name that there is not.
    """
    figure = _figure(title, "growth since start, MiB" if growth else "MiB")
    start = recording.samples[0].monotonic
    for name, colour in zip(names, _colours(len(names)), strict=True):
        series = recording.series(name)
        values = series.values - series.values[0] if growth else series.values
        figure.add_scatter(
            x=series.times - start, y=values / MIB, name=name, mode="lines", line={"color": colour}
        )
    return figure


def ledger_figure(
    recording: Recording, ledger: Sequence[Mapping[str, Any]], name: str, title: str = ""
) -> go.Figure:
    """What the leaker says it leaked beside what the kernel shows in the field `name`, both from 0."""
    figure = series_figure(recording, name, growth=True, title=title)
    figure.data[0].name = f"the kernel: {name}"
    first, last = recording.samples[0].monotonic, recording.samples[-1].monotonic
    lines = [line for line in ledger if first <= line["t"] <= last]
    times = np.array([line["t"] - first for line in lines])
    leaked = np.array([line["leaked_bytes"] for line in lines], dtype=np.float64)
    figure.add_scatter(
        x=times, y=(leaked - leaked[:1]) / MIB, name="the leaker's ledger", mode="markers",
        marker={"color": LINE_COLOURS[0], "symbol": "circle-open"},
    )  # fmt: skip
    return figure


def steps_figure(
    recordings: Mapping[str, Recording], name: str, title: str = "", first: int | None = None
) -> go.Figure:
    """One field of leakers that were moved by count, each from 0, over the looks taken, in MiB.

    With `first` only so many looks are drawn.
    """
    figure = _figure(title, "growth, MiB")
    for (label, recording), colour in zip(
        recordings.items(), _colours(len(recordings)), strict=True
    ):
        values = recording.series(name).values[:first]
        figure.add_scatter(
            x=list(range(len(values))), y=(values - values[0]) / MIB, name=label,
            mode="lines+markers", line={"color": colour},
        )  # fmt: skip
    figure.update_layout(xaxis_title="looks, each after as many events as the one before")
    most = max((len(trace.x) for trace in figure.data), default=1)
    figure.update_xaxes(dtick=max(1, most // 10))
    return figure


def together_figure(several: Mapping[str, Series], title: str = "") -> go.Figure:
    """Any series in bytes over time, each from 0, in MiB: which of them move as one?"""
    figure = _figure(title, "growth since start, MiB")
    start = min(series.times[0] for series in several.values())
    for (label, series), colour in zip(several.items(), _colours(len(several)), strict=True):
        figure.add_scatter(
            x=series.times - start, y=(series.values - series.values[0]) / MIB, name=label,
            mode="lines+markers", line={"color": colour, "shape": "hv"}, marker={"size": 4},
        )  # fmt: skip
    return figure


def stairs_figure(
    recording: Recording, finding: Finding, steps: int = 6, title: str = ""
) -> go.Figure:
    """VSZ and RSS from 0 in MiB, and the next equal steps of a finding that has some, should it go on."""
    figure = _figure(title, "growth since start, MiB")
    names = (("stat.vsize", "VSZ"), ("stat.rss", "RSS"))
    for (name, label), colour in zip(names, _colours(2), strict=True):
        series = recording.series(name)
        figure.add_scatter(
            x=series.times - series.times[0], y=(series.values - series.values[0]) / MIB,
            name=label, mode="lines+markers", line={"color": colour, "shape": "hv"},
        )  # fmt: skip
    if finding.step is not None:
        size = recording.series("stat.vsize")
        last, grown = size.times[-1] - size.times[0], size.values[-1] - size.values[0]
        ahead = np.arange(steps + 1)
        figure.add_scatter(
            x=last + ahead * finding.step.period_seconds,
            y=(grown + ahead * finding.step.bytes) / MIB, name="if it goes on",
            mode="lines", line={"color": _colours(1)[0], "shape": "hv", "dash": "dot"},
        )  # fmt: skip
    return figure


def verdicts_figure(
    rows: Mapping[str, Sequence[tuple[float, Diagnosis]]], title: str = ""
) -> go.Figure:
    """What was said of each by when: a row of colours over the seconds watched (diagnose.over_time)."""
    figure = _figure(title, None)
    for verdict, colour in VERDICT_COLOURS.items():
        said = [
            (name, begin, end - begin, diagnosis.why)
            for name, steps in rows.items()
            for (begin, _), (end, diagnosis) in pairwise([(0.0, None), *steps])
            if diagnosis is not None and diagnosis.verdict is verdict
        ]
        figure.add_bar(
            orientation="h", name=verdict.value, marker_color=colour, marker_line_width=0,
            y=[name for name, *_ in said], base=[begin for _, begin, *_ in said],
            x=[seconds for *_, seconds, _ in said], customdata=[why for *_, why in said],
            hovertemplate="%{y}: %{customdata}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        barmode="overlay", bargap=0.25, height=150 + 28 * len(rows), margin_l=130, margin_b=90,
        xaxis_title="seconds watched", legend_y=-0.25,
    )  # fmt: skip
    figure.update_yaxes(categoryorder="array", categoryarray=list(rows)[::-1], showgrid=False)
    return figure


def types_bars(*samples: Sample, labels: Sequence[str] = (), title: str = "") -> go.Figure:
    """The four types of one process, or of several side by side: resident plus swapped, in MiB."""
    figure = _figure(title or "The four memory types", "MiB, resident and swapped")
    names = list(labels) or [f"{s.stat.comm} ({s.pid})" if s.stat else str(s.pid) for s in samples]
    for kind in FOUR_TYPES:
        sizes = [s.regions.bytes_by_type[kind] / MIB if s.regions else 0.0 for s in samples]
        figure.add_bar(
            x=names, y=sizes, name=kind.label, marker_color=TYPE_COLOURS[kind],
            text=[format_bytes(size * MIB) for size in sizes],
        )  # fmt: skip
    figure.update_layout(barmode="group", xaxis_title=None)
    return figure


def machine_figure(
    *ledgers: MachineLedger,
    labels: Sequence[str] = (),
    without: Sequence[str] = (),
    title: str = "",
) -> go.Figure:
    """Where the machine's memory is: parts that do not overlap, stacked up to MemTotal, in MiB.

    The last part is what nothing explains. Parts named in `without` are left out.
    """
    figure = _figure(title or "Where the memory is", "MiB")
    names = list(labels) or [f"instant {n}" for n in range(1, len(ledgers) + 1)]
    parts = [ledger.parts for ledger in ledgers]
    shown = [
        part for part in parts[0] if part not in without and any(one.get(part) for one in parts)
    ]
    for part, colour in zip(shown, _colours(len(shown)), strict=True):
        sizes = [one.get(part, 0) / MIB for one in parts]
        figure.add_bar(x=names, y=sizes, name=part, marker_color=colour)
    figure.update_layout(barmode="stack", xaxis_title=None)
    return figure


def places_figure(
    rows: Mapping[str, Mapping[str, tuple[float, str]]], title: str = ""
) -> go.Figure:
    """A table in colour: for each row, what each place shows as (share from 0 to 1, text)."""
    places = list(next(iter(rows.values()), {}))
    names = list(rows)[::-1]
    cells = [[rows[name][place] for place in places] for name in names]
    figure = _figure(title, None)
    warm = TYPE_COLOURS[MemoryType.PRIVATE_ANONYMOUS]
    figure.add_heatmap(
        x=places, y=names, z=[[share for share, _ in row] for row in cells],
        text=[[text for _, text in row] for row in cells], texttemplate="%{text}",
        zmin=0, zmax=1, colorscale=[[0, "rgba(128,128,128,.08)"], [1, warm]], showscale=False,
        xgap=2, ygap=2, hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(height=90 + 28 * len(names), xaxis_title=None, margin_b=20, margin_l=170)
    figure.update_xaxes(side="top", showgrid=False)
    figure.update_yaxes(showgrid=False)
    return figure


def amounts_figure(amounts: Mapping[str, float], title: str = "") -> go.Figure:
    """Named sizes in bytes as bars below each other, in the order given, each with its figure."""
    figure = _figure(title, None)
    figure.add_bar(
        orientation="h", y=list(amounts), x=[size / MIB for size in amounts.values()],
        text=[format_bytes(size) for size in amounts.values()], textposition="auto",
        marker_color=LINE_COLOURS[0], showlegend=False,
    )  # fmt: skip
    figure.update_layout(height=120 + 32 * len(amounts), margin_l=20)
    figure.update_xaxes(title="MiB", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure


def why_figure(found: Explanation, title: str = "") -> go.Figure:
    """From one figure to the other, a bar for each term, in MiB; the residual of a step too, where there is one."""
    names, sizes, measures = [found.start.name], [found.start.bytes], ["absolute"]
    for step in found.steps:
        for term in step.terms:
            names.append(term.label)
            sizes.append(term.bytes)
        if step.residual:
            names.append(f"residual, {step.end.name}")
            sizes.append(step.residual)
    measures += ["relative"] * (len(names) - 1) + ["total"]
    names.append(found.end.name)
    sizes.append(found.end.bytes)
    figure = _figure(title or f"From {found.start.name} to {found.end.name}", None)
    figure.add_waterfall(
        orientation="h", y=[_folded(name) for name in names], x=[size / MIB for size in sizes], measure=measures,
        text=[format_bytes(size) for size in sizes], textposition="auto",
        totals_marker_color=LINE_COLOURS[0], decreasing_marker_color=LINE_COLOURS[2],
        increasing_marker_color=LINE_COLOURS[1], connector_line_color=GRID,
    )  # fmt: skip
    figure.update_layout(height=120 + 44 * len(names), margin_l=20)
    figure.update_xaxes(title="MiB")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure


def _folded(label: str) -> str:
    """On two lines where it is long."""
    return "<br>".join(wrap(label, 34))


def pages_figure(pages: PageRuns, start: int, end: int, title: str = "") -> go.Figure:
    """What is behind each page from `start` to `end`, over the offset in KiB; nothing where no page is."""
    zero = pages.has(Category.PFNZERO | Category.MAYBE_ZERO)
    present, file = pages.has(Category.PRESENT) & ~zero, pages.has(Category.FILE)
    guard = pages.has(Category.GUARD)
    states = {
        "in memory, anonymous": (present & ~file, TYPE_COLOURS[MemoryType.PRIVATE_ANONYMOUS]),
        "in memory, of a file or shared": (present & file, TYPE_COLOURS[MemoryType.PRIVATE_FILE]),
        "the zero page": (zero, LINE_COLOURS[3]),
        "in swap": (pages.has(Category.SWAPPED) & ~guard, LINE_COLOURS[2]),
        "guard": (guard, INK),
    }
    figure = _figure(title or "What is behind the pages", None)
    for name, (rows, colour) in states.items():
        low = np.clip(pages.start[rows].astype(np.int64), start, end)
        high = np.clip(pages.end[rows].astype(np.int64), start, end)
        if not (high > low).any():
            continue
        figure.add_bar(
            orientation="h", base=(low - start) / KIB, x=(high - low) / KIB, y=["pages"] * len(low),
            name=name, marker_color=colour, marker_line_width=0,
        )  # fmt: skip
    figure.update_layout(barmode="overlay", height=220, legend_y=1.3, margin_t=80)
    figure.update_xaxes(title="offset, KiB", range=[0, (end - start) / KIB])
    figure.update_yaxes(visible=False)
    return figure


def bare_figure(title: str, y_title: str | None) -> go.Figure:
    """A figure in the style of all others, over seconds, with nothing in it yet."""
    return _figure(title, y_title)


def _figure(title: str, y_title: str | None) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.update_layout(
        title=title,
        template="plotly_white",
        font_color=INK,
        height=340,
        margin={"l": 60, "r": 20, "t": 50 if title else 20, "b": 50},
        xaxis_title="seconds since start",
        yaxis_title=y_title,
        legend={"orientation": "h", "y": -0.25},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(gridcolor=GRID, zerolinecolor=GRID)
    figure.update_yaxes(gridcolor=GRID, zerolinecolor=GRID)
    return figure


def _colours(count: int) -> list[str]:
    """As many colours as needed, all different up to thirty: the palette's own, then plotly's dark ones."""
    from plotly.colors import qualitative

    palette = [*LINE_COLOURS, *qualitative.Dark24]
    return [palette[n % len(palette)] for n in range(count)]
