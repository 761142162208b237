"""A recorded curve and its double: as text, as one figure, as a page of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memlab.errors import Unsupported
from memlab.model.curves import Distance
from memlab.model.mimicry import Mimicry, Proposal
from memlab.present.colours import LINE_COLOURS
from memlab.present.figures import bare_figure
from memlab.present.page import figures_page, write
from memlab.units import MIB, format_bytes, format_seconds

if TYPE_CHECKING:
    import plotly.graph_objects as go

# below a tenth of a second nobody waits on purpose
_LEAD = 0.1


def mimicry_text(found: Mimicry) -> str:
    """The proposal, how far it is off, what comes next, and the command."""
    target = found.target
    lines = [
        f"target     {target.get('comm', '?')} (pid {target.get('pid', '?')}): {found.diagnosis.verdict}"
    ]
    if found.growth is not None and len(found.growth):
        counted = found.growth.unit == "count"
        values = found.growth.values
        spans = float(values.max() - values.min())
        up_and_down = (
            f", {_amount(spans, counted)} from its lowest to its highest"
            if spans > 2 * abs(found.growth.growth)
            else ""
        )
        lines.append(
            f"curve      {found.where}: {_amount(found.growth.growth, counted)} "
            f"in {format_seconds(found.growth.seconds)}{up_and_down} ({found.growth.source})"
        )
    if found.best is None:
        return "\n".join([*lines, f"none       {found.why}"])
    counted = found.growth is not None and found.growth.unit == "count"
    lines += ["", *_proposal_lines(found.best, counted)]
    for other in found.runners_up:
        what = "a look-alike, no leak" if other.is_lookalike else other.profile
        closer = other.distance.size < found.best.distance.size
        less = ": closer, and less plain" if closer else ""
        lines.append(
            f"next best  {other.leaker} ({what}), {distance_words(other.distance, counted)}{less}"
        )
        lines.append(f"           {other.command}")
    if found.reenacted is not None:
        seconds = format_seconds(found.reenacted.growth.seconds)
        words = distance_words(found.reenacted.distance, counted)
        lines += ["", f"measured   {seconds} of it, run and recorded here: {words}"]
    return "\n".join(lines)


def _proposal_lines(best: Proposal, counted: bool) -> list[str]:
    what = f"{best.leaker}, {best.profile}"
    if best.is_lookalike:
        what = f"{best.leaker}, a look-alike: no leak"
    lines = [f"proposal   {what} ({best.lang}; {best.account})"]
    lines.append(f"distance   {distance_words(best.distance, counted)}")
    if best.same:
        lines.append(f"the same   {', '.join(best.same)}: no curve tells them apart")
    if abs(best.curve.lead) >= _LEAD:
        side = "after" if best.curve.lead > 0 else "before"
        lines.append(
            f"window     opens {format_seconds(abs(best.curve.lead))} {side} it begins to leak"
        )
    return [*lines, "", f"    {best.command}", ""]


def distance_words(off: Distance, counted: bool = False) -> str:
    """'312 KiB, 1.1 % of what the curve spans'."""
    return f"{_amount(off.size, counted)}, {off.share:.1%} of what the curve spans"


def _amount(size: float, counted: bool) -> str:
    return f"{size:.3g}" if counted else format_bytes(size)


def mimicry_figure(found: Mimicry) -> go.Figure:
    """The recorded curve, the proposed one, and the one that was run, with their distance as title.

    The curves of the bank are laid over the recorded one at their mean, as the distance is taken.
    Raises Unsupported where there is no curve.
    """
    growth = found.growth
    if growth is None or not len(growth):
        raise Unsupported("there is no curve to show", found.why)
    counted = growth.unit == "count"
    scale = 1 if counted else MIB
    figure = bare_figure(_title(found, counted), "growth" if counted else "growth, MiB")
    figure.add_scatter(
        x=growth.times, y=growth.values / scale, mode="lines+markers", marker_size=4,
        name=f"recorded: {found.where}", line={"color": LINE_COLOURS[0]},
    )  # fmt: skip
    if found.best is not None:
        times = np.linspace(0, growth.seconds, 1000)
        drawn = found.best.curve.at(times) + found.best.distance.offset
        figure.add_scatter(
            x=times, y=drawn / scale, mode="lines", name=f"proposed: {found.best.leaker}",
            line={"color": LINE_COLOURS[1], "dash": "dot"},
        )  # fmt: skip
    if found.reenacted is not None:
        ran = found.reenacted.growth
        figure.add_scatter(
            x=ran.times, y=(ran.values + found.reenacted.distance.offset) / scale, mode="lines",
            name="run and recorded", line={"color": LINE_COLOURS[2]},
        )  # fmt: skip
    return figure


def _title(found: Mimicry, counted: bool) -> str:
    if found.best is None:
        return "Nothing in the bank draws this curve"
    if found.reenacted is not None:
        words = distance_words(found.reenacted.distance, counted)
        return f"{found.best.leaker} ({found.best.profile}), measured: {words}"
    return f"{found.best.leaker} ({found.best.profile}), distance {distance_words(found.best.distance, counted)}"


def write_page(found: Mimicry, path: str) -> None:
    """The figure as a page that needs no network. Raises Denied where it cannot be written."""
    write(figures_page("memlab mimic", [mimicry_figure(found)]), path)
