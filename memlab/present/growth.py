"""The growth that a verdict speaks of, marked: its series, its floors, its rate with the interval, its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memlab.diagnose.account import Account
from memlab.diagnose.accounts import accounts
from memlab.diagnose.floors import Floors, blocks_of, clearest
from memlab.diagnose.ticks import COLUMNS
from memlab.diagnose.trend import trend
from memlab.model.diagnosis import Diagnosis, Finding, Verdict
from memlab.model.memory import FOUR_TYPES
from memlab.model.recording import Recording
from memlab.model.series import Series
from memlab.present.colours import GRID, INK, LINE_COLOURS, TYPE_COLOURS, VERDICT_COLOURS
from memlab.present.figures import bare_figure
from memlab.units import GIB, MIB, YEAR, format_amount, format_amount_rate, format_seconds

if TYPE_CHECKING:
    import plotly.graph_objects as go

Array = NDArray[np.float64]
_UNTIMED = "looks, at times that are not known"
_RED = VERDICT_COLOURS[Verdict.LEAK]


@dataclass(frozen=True)
class Growth:
    """An account's growth: `times` in seconds from the first reading, `values` in bytes (or things) from 0.

    `floors` are the lowest readings that the verdict rests on, as (seconds, value); `finding` is None where
    it is no leak. Where it is not `timed`, the times are the numbers of the looks.
    """

    where: str
    source: str
    unit: str
    times: Array
    values: Array
    floors: tuple[Array, Array]
    finding: Finding | None = None
    timed: bool = True

    @property
    def end(self) -> str:
        """The end of the axis of time, in words."""
        last = float(self.times[-1]) or 1.0
        return format_seconds(last) if self.timed else f"look {round(last) + 1}"

    @property
    def lines(self) -> tuple[Array, Array] | None:
        """The slowest and the fastest growth of the interval, from the first floor on; at the times of the ends."""
        if self.finding is None or self.finding.bytes_per_second_interval is None:
            return None
        start, base = self.floors[0][0], self.floors[1][0]
        ends = np.array([start, self.times[-1]])
        low, high = self.finding.bytes_per_second_interval
        return base + low * (ends - start), base + high * (ends - start)


def growth_of(recording: Recording, diagnosis: Diagnosis) -> Growth | None:
    """The account of the first finding; without one, that which moved by most of its grains. None of nothing read."""
    recording = recording.since_exec()
    there = [account for account in accounts(recording) if len(account.series) > 1]
    finding = diagnosis.findings[0] if diagnosis.findings else None
    if finding is not None:
        same = [a for a in there if a.candidates == finding.candidates and a.basis == finding.basis]
        # of two of one name the one that grew by what the finding says
        chosen = min(same, key=lambda a: abs(a.series.growth - finding.bytes), default=None)
    else:
        chosen = max(there, key=lambda a: np.ptp(a.series.values) / a.quantum, default=None)
    return None if chosen is None else _growth(recording, chosen, finding)


def _growth(recording: Recording, account: Account, finding: Finding | None) -> Growth:
    # what was judged: where the account can only fill what is mapped, the mappings
    series = account.series
    if finding is not None and account.mapped is not None:
        judged = trend(account.mapped, account.quantum).growth
        if abs(judged - finding.bytes) < abs(series.growth - finding.bytes):
            series = account.mapped
    start, base = series.times[0], series.values[0]
    return Growth(
        finding.where if finding else account.where, series.source or account.source, account.unit,
        series.times - start, series.values - base, _floors(recording, account, series, finding), finding,
        timed=recording.is_timed,
    )  # fmt: skip


def _floors(
    recording: Recording, account: Account, series: Series, finding: Finding | None
) -> tuple[Array, Array]:
    """As many as the finding says: of its series, or of statm where it rests on that, in blocks or as steps."""
    start, base = series.times[0], series.values[0]
    cut = clearest(series) if len(series) > 2 else blocks_of(series, 1)
    if finding is not None and finding.levels != cut.levels:
        known = [series]
        if account.basis in COLUMNS and len(fine := recording.series(COLUMNS[account.basis])) > 2:
            known.append(fine)
        for one in known:
            for there in (clearest(one), _heights(one)):
                if there.levels == finding.levels:
                    base = np.interp(start, one.times, one.values)
                    return there.times - start, there.values - base
    return cut.times - start, cut.values - base


def _heights(series: Series) -> Floors:
    """Where it was higher than ever before: of a stair each step that was seen."""
    before = np.maximum.accumulate(np.concatenate([[-np.inf], series.values[:-1]]))
    at = np.flatnonzero(series.values > before)
    return Floors(series.times[at], series.values[at])


def growth_figure(found: Growth, title: str = "") -> go.Figure:
    """The series from 0, its floors, and the interval of the rate as a wedge."""
    scale, unit = (MIB, "MiB") if found.unit == "bytes" else (1, found.unit)
    figure = bare_figure(title, f"growth, {unit}")
    lines = found.lines
    if lines is not None and found.finding and found.finding.bytes_per_second_interval:
        ends = [found.floors[0][0], found.times[-1]]
        low, high = found.finding.bytes_per_second_interval
        words = f"{format_amount_rate(low, found.unit)} to {format_amount_rate(high, found.unit)}"
        figure.add_scatter(
            x=[*ends, *ends[::-1]], y=[*lines[0] / scale, *lines[1][::-1] / scale], mode="lines",
            fill="toself", name=words, line={"color": _RED, "width": 1, "dash": "dot"},
            fillcolor="rgba(209,52,56,.15)", hoverinfo="skip",
        )  # fmt: skip
    figure.add_scatter(
        x=found.times, y=found.values / scale, mode="lines+markers", marker_size=4,
        name=found.source, line={"color": LINE_COLOURS[0], "shape": "hv" if _steps(found) else "linear"},
    )  # fmt: skip
    figure.add_scatter(
        x=found.floors[0], y=found.floors[1] / scale, mode="markers", name="floors",
        marker={"color": _RED, "symbol": "triangle-up", "size": 11},
    )  # fmt: skip
    if not found.timed:
        figure.update_layout(xaxis_title=_UNTIMED)
    return figure


def _steps(found: Growth) -> bool:
    return found.finding is not None and found.finding.step is not None


def four_types_figure(recording: Recording) -> go.Figure | None:
    """Resident and swapped memory of the four types, stacked; None where no mappings were read twice."""
    series = [recording.series(f"type.{kind.name.lower()}") for kind in FOUR_TYPES]
    if len(series[0]) < 2:
        return None
    figure = bare_figure("", "MiB")
    if not recording.is_timed:
        figure.update_layout(xaxis_title=_UNTIMED)
    for kind, one in zip(FOUR_TYPES, series, strict=True):
        figure.add_scatter(
            x=one.times - one.times[0], y=one.values / MIB, mode="lines", stackgroup="types",
            name=kind.label, line={"color": TYPE_COLOURS[kind], "width": 1},
        )  # fmt: skip
    return figure


def forecast_figure(finding: Finding, observed: float) -> go.Figure | None:
    """What is still to come until the first limit; the window that was watched is its beginning."""
    ahead = finding.forecast
    rate, interval = finding.bytes_per_second, finding.bytes_per_second_interval
    if ahead is None or not 0 < ahead.seconds <= YEAR or not rate or rate < 0 or interval is None:
        return None
    low, high = interval
    room = rate * ahead.seconds
    scale, unit = _scale(room) if finding.unit == "bytes" else (1, finding.unit)
    span, word = _clock(ahead.seconds)
    late = min(room / low, 3 * ahead.seconds) if low > 0 else 3 * ahead.seconds
    figure = bare_figure("", f"growth from now on, {unit}")
    figure.add_scatter(
        x=[0, room / max(high, rate) / span, late / span, 0], y=[0, room / scale, late * max(low, 0) / scale, 0],
        mode="lines", fill="toself", name="the interval of the rate", hoverinfo="skip",
        line={"color": _RED, "width": 1, "dash": "dot"}, fillcolor="rgba(209,52,56,.15)",
    )  # fmt: skip
    figure.add_scatter(
        x=[0, ahead.seconds / span], y=[0, room / scale], mode="lines", name="at this rate",
        line={"color": _RED, "dash": "dash"},
    )  # fmt: skip
    figure.add_scatter(
        x=[-observed / span, 0], y=[-rate * observed / scale, 0], mode="lines", name="what was watched",
        line={"color": LINE_COLOURS[0], "width": 3},
    )  # fmt: skip
    figure.add_hline(y=room / scale, line={"color": INK, "dash": "dash"})
    figure.update_layout(xaxis_title=f"{word} from the end of the watch")
    return figure


def _scale(size: float) -> tuple[int, str]:
    return (GIB, "GiB") if size >= 4 * GIB else (MIB, "MiB")


def _clock(seconds: float) -> tuple[float, str]:
    for span, word in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * span:
            return span, word
    return 1.0, "seconds"


_WIDE, _HIGH, _LEFT, _LOW = 640, 220, 78, 30


def growth_svg(found: Growth) -> str:
    """The same picture without any script, for a card: SVG that takes its ink from the page."""
    lines = found.lines
    shown = [found.values, *(lines or ())]
    top, bottom = max(float(v.max()) for v in shown), min(float(v.min()) for v in shown)
    top = top if top > bottom else bottom + 1
    last = float(found.times[-1]) or 1.0

    def at(times: Sequence[float] | Array, values: Sequence[float] | Array) -> list[str]:
        xs = _LEFT + np.asarray(times) / last * (_WIDE - _LEFT - 12)
        ys = 12 + (top - np.asarray(values)) / (top - bottom) * (_HIGH - _LOW - 16)
        return [f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True)]

    parts = [
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="growth over time" class="memlab-growth">',
        *_axes(found, top, bottom, last),
    ]
    if lines is not None:
        ends = [found.floors[0][0], last]
        around = [*at(ends, lines[0]), *at(ends[::-1], lines[1][::-1])]
        parts.append(
            f'<polygon points="{" ".join(around)}" fill="{_RED}" fill-opacity=".18" '
            f'stroke="{_RED}" stroke-dasharray="2 3"/>'
        )
    thin = np.unique(np.linspace(0, len(found.times) - 1, 400).round().astype(int))
    points = at(found.times[thin], found.values[thin])
    parts.append(
        f'<polyline points="{" ".join(points)}" fill="none" stroke="{LINE_COLOURS[0]}" stroke-width="2"/>'
    )
    for point in at(*found.floors):
        x, y = point.split(",")
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{_RED}"/>')
    return "".join([*parts, "</svg>"])


def _axes(found: Growth, top: float, bottom: float, last: float) -> list[str]:
    """The ends of both axes in words: a small picture needs no more."""
    low = _HIGH - _LOW - 4
    text = 'font-size="12" fill="currentColor" fill-opacity=".75"'
    return [
        f'<path d="M{_LEFT} 12V{low}H{_WIDE - 12}" fill="none" stroke="{GRID}"/>',
        f'<text x="{_LEFT - 6}" y="18" text-anchor="end" {text}>{format_amount(top, found.unit)}</text>',
        f'<text x="{_LEFT - 6}" y="{low}" text-anchor="end" {text}>{format_amount(bottom, found.unit)}</text>',
        f'<text x="{_LEFT}" y="{_HIGH - 8}" {text}>0</text>',
        f'<text x="{_WIDE - 12}" y="{_HIGH - 8}" text-anchor="end" {text}>{found.end}</text>',
    ]


_BLOCKS = " ▁▂▃▄▅▆▇█"


def growth_text(found: Growth, width: int = 64, rows: int = 6) -> list[str]:
    """The same picture for a terminal: so many columns and rows of block characters, with both ends in words."""
    last = float(found.times[-1]) or 1.0
    at = np.searchsorted(found.times, np.linspace(0, last, width), side="right") - 1
    values = found.values[np.clip(at, 0, None)]
    low, high = float(values.min()), float(values.max())
    eighths = np.round((values - low) / ((high - low) or 1) * rows * 8).astype(int)
    names = {0: format_amount(high, found.unit), rows - 1: format_amount(low, found.unit)}
    lines = []
    for row in range(rows):
        below = (rows - 1 - row) * 8
        cells = "".join(_BLOCKS[int(np.clip(n - below, 0, 8))] for n in eighths)
        lines.append(f"  {names.get(row, ''):>10} │{cells}".rstrip())
    lines.append(f"  {'':>10} └{'─' * width}")
    end = found.end
    lines.append(f"  {'':>10}  0{end:>{width - 1}}")
    return lines
