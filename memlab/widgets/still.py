"""A chart that does not move: for a saved notebook, for print, for a page without a kernel."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memlab.units import GIB, KIB, MIB, format_bytes, format_seconds
from memlab.widgets.traces import TraceSpec

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]

WIDTH, HEIGHT = 560, 200
LEFT, RIGHT, TOP, BOTTOM = 70, 12, 8, 34
MOST_POINTS = 160  # of a line in the picture: one a few pixels


def byte_ticks(low: float, high: float) -> list[int]:
    """Ticks around [low, high] bytes, a power of two apart: round in KiB, MiB and GiB."""
    step = 2 ** math.ceil(math.log2(max(high - low, KIB) / 4))
    first = math.floor(low / step) * step
    return list(range(first, math.ceil(high / step) * step + 1, step))


def tick_text(at: float, step: float) -> str:
    """A tick's label in the unit in which neighbours differ visibly."""
    if at == 0:
        return "0"
    unit, name = next(
        (u, n)
        for u, n in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"), (1, "B"))
        if step >= u / 2 or u == 1
    )
    return f"{at / unit:,.2f}".rstrip("0").rstrip(".") + f" {name}"


def value_text(value: float, unit: str) -> str:
    """A value with its unit; an en dash for none."""
    if math.isnan(value):
        return "–"
    if unit == "bytes":
        return format_bytes(value)
    return f"{value:,.3g}" + ("" if unit == "count" else f" {unit}")


def latest(table: Floats, row: int) -> float:
    """The last value of a line that is one; NaN when there is none."""
    known = table[row][~np.isnan(table[row])]
    return float(known[-1]) if len(known) else math.nan


def still_text(chart: Mapping[str, Any], specs: Sequence[TraceSpec], table: Floats) -> str:
    """'Title after 12 s: VSZ 12 MiB, RSS 3 MiB.'"""
    times = table[0]
    if not len(times):
        return f"{chart['title']}: nothing yet"
    values = ", ".join(
        f"{spec.text} {value_text(latest(table, row), spec.unit)}"
        for row, spec in enumerate(specs, start=1)
    )
    return f"{chart['title']} after {format_seconds(float(times[-1]))}: {values}"


def still_html(chart: Mapping[str, Any], specs: Sequence[TraceSpec], table: Floats) -> str:
    """Title, legend and an inline SVG of a few kilobytes; no script, no outside address."""
    title = f"<b>{html.escape(chart['title'])}</b>"
    if table.shape[1] < 2:
        return f"<div>{title}<br>nothing yet: run the cell to see it live</div>"
    legend = " ".join(
        f'<span style="white-space:nowrap"><span style="color:{spec.colour}">■</span> '
        f"{html.escape(spec.text)} {value_text(latest(table, row), spec.unit)}</span>"
        for row, spec in enumerate(specs, start=1)
    )
    return f'<div>{title}<br><span style="font-size:12px">{legend}</span><br>{svg(chart, specs, table)}</div>'


def svg(chart: Mapping[str, Any], specs: Sequence[TraceSpec], table: Floats) -> str:
    """The lines of the left axis over its bytes, those of the right axis over their own range."""
    every = max(1, math.ceil(table.shape[1] / MOST_POINTS))
    # counted from the end: the latest row is always shown
    table = table[:, ::-1][:, ::every][:, ::-1]
    x = LEFT + (table[0] - table[0][0]) / max(np.ptp(table[0]), 1e-9) * (WIDTH - LEFT - RIGHT)
    parts = []
    for axis in (1, 2):
        rows = [row for row, spec in enumerate(specs, start=1) if spec.axis == axis]
        if not rows or np.isnan(table[rows]).all():
            continue
        lines, baseline = _stacked(table[rows]) if specs[rows[0] - 1].stack else (table[rows], None)
        low = 0.0 if baseline is not None or axis == 2 else float(np.nanmin(lines))
        high = max(float(np.nanmax(lines)), low + 1)
        if axis == 1:
            ticks = byte_ticks(low, high) if specs[rows[0] - 1].unit == "bytes" else [low, high]
            parts += _ticks(ticks, low, high, bytes_=specs[rows[0] - 1].unit == "bytes")
        for index, row in enumerate(rows):
            below = None if baseline is None else _y(baseline[index], low, high)
            parts.append(_line(x, _y(lines[index], low, high), below, specs[row - 1]))
    first, last = (f"{table[0][i]:.0f} s" for i in (0, -1))
    bottom = HEIGHT - BOTTOM + 14
    parts.append(_text(LEFT, bottom, first, "start"))
    parts.append(_text(WIDTH - RIGHT, bottom, last, "end"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, chart["x_title"], "middle"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'style="max-width:100%" font-family="sans-serif" font-size="11" fill="currentColor" '
        f'role="img" aria-label="{html.escape(still_text(chart, specs, table))}">{"".join(parts)}</svg>'
    )


def _stacked(columns: Floats) -> tuple[Floats, Floats]:
    """Upper and lower edge of each area."""
    upper = np.nancumsum(columns, axis=0)
    return upper, np.vstack([np.zeros(upper.shape[1]), upper[:-1]])


def _y(values: Floats, low: float, high: float) -> Floats:
    return HEIGHT - BOTTOM - (values - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _ticks(ticks: Sequence[float], low: float, high: float, *, bytes_: bool) -> list[str]:
    step = next((b - a for a, b in pairwise(ticks)), 1)
    parts = []
    for at in ticks:
        if low <= at <= high:
            y = float(_y(np.array(at), low, high))
            parts.append(
                f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity=".2"/>'
            )
            parts.append(
                _text(LEFT - 6, y + 4, tick_text(at, step) if bytes_ else f"{at:,.3g}", "end")
            )
    return parts


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _line(x: Floats, y: Floats, below: Floats | None, spec: TraceSpec) -> str:
    known = ~np.isnan(y)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[known], y[known], strict=True))
    if below is not None:
        back = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[::-1], below[::-1], strict=True))
        return f'<polygon points="{points} {back}" fill="{spec.colour}" fill-opacity=".7"/>'
    dash = "" if spec.dash == "solid" else ' stroke-dasharray="5 3"'
    return (
        f'<polyline points="{points}" fill="none" stroke="{spec.colour}" stroke-width="2"{dash}/>'
    )


def still_figure(chart: Mapping[str, Any], specs: Sequence[TraceSpec], table: Floats) -> Figure:
    """A plotly figure of the same lines; importing plotly's figures takes its time."""
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    for row, spec in enumerate(specs, start=1):
        line = {"color": spec.colour, "dash": spec.dash}
        trace = Scatter(x=table[0], y=table[row], name=spec.text, line=line, mode="lines")
        if spec.stack:
            trace.stackgroup = "one"
        else:
            trace.connectgaps = True
        if spec.axis == 2:
            trace.yaxis = "y2"
        figure.add_trace(trace)
    figure.update_layout(
        title=chart["title"],
        xaxis_title=chart["x_title"],
        yaxis_title=chart["y_title"],
        hovermode="x",
    )
    _byte_axis(figure, specs, table)
    if chart["y2_title"]:
        figure.update_layout(
            yaxis2={
                "title": chart["y2_title"],
                "overlaying": "y",
                "side": "right",
                "rangemode": "tozero",
            }
        )
    return figure


def _byte_axis(figure: Figure, specs: Sequence[TraceSpec], table: Floats) -> None:
    rows = [row for row, s in enumerate(specs, start=1) if s.axis == 1 and s.unit == "bytes"]
    if not rows or np.isnan(table[rows]).all():
        return
    stacked = specs[rows[0] - 1].stack
    high = float(np.nansum(table[rows], axis=0).max() if stacked else np.nanmax(table[rows]))
    ticks = byte_ticks(0.0 if stacked else float(np.nanmin(table[rows])), high)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else KIB
    figure.update_layout(
        yaxis={"tickvals": ticks, "ticktext": [tick_text(at, step) for at in ticks]}
    )
