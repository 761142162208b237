"""A guest's memory over time: the lines of its ledger that leaks move, with what was done to it marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memlab.model.sample import Sample
from memlab.present.colours import INK, LINE_COLOURS
from memlab.present.figures import bare_figure
from memlab.units import MIB

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from memlab.model.recording import Recording

# lines of the ledger of a machine, by the field that a person looks for
COLUMNS = {
    "SUnreclaim": "slab, not reclaimable",
    "VmallocUsed*": "vmalloc, without stacks",
    "AnonPages": "anonymous",
    "in no field": "unexplained",
}
_DASHES = ("solid", "dash", "solid", "dot")  # lines that rise alike lie upon each other
_SHOWN = ("load", "killed", "unload", "reboot")  # of the events; the steps between would hide them


def lines_of(sample: Sample) -> dict[str, int] | None:
    """The columns of one instant in bytes; None where meminfo was not read."""
    if sample.ledger is None:
        return None
    parts = sample.ledger.parts
    return {head: parts.get(name, 0) for head, name in COLUMNS.items()}


def moments_figure(recording: Recording, title: str = "") -> go.Figure:
    """Each column from its own start in MiB, over seconds; events are vertical lines with their names."""
    figure = bare_figure(title, "growth since start, MiB")
    known = [(one, lines) for one in recording if (lines := lines_of(one)) is not None]
    start = known[0][0].monotonic
    for head, colour, dash in zip(COLUMNS, LINE_COLOURS, _DASHES, strict=False):
        figure.add_scatter(
            x=[one.monotonic - start for one, _ in known],
            y=[(lines[head] - known[0][1][head]) / MIB for _, lines in known],
            name=head, mode="lines", line={"color": colour, "dash": dash},
        )  # fmt: skip
    for sample in recording:
        for event in sample.events:
            if event.get("event") in _SHOWN:
                figure.add_vline(
                    x=sample.monotonic - start, line={"color": INK, "width": 1, "dash": "dot"},
                    annotation_text=event["event"], annotation_position="top",
                )  # fmt: skip
    figure.update_layout(xaxis_title="seconds")
    return figure
