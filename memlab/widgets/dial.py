"""Dial a leak and watch its line: the source beside the chart of what was asked, said and seen."""

from __future__ import annotations

import time
from contextlib import suppress

import ipywidgets as widgets

from memlab.errors import MemlabError, Unsupported
from memlab.lab import meters
from memlab.lab.experiment import Experiment
from memlab.lab.registry import get
from memlab.model.sample import Sample
from memlab.present.colours import LINE_COLOURS, RSS
from memlab.widgets.controls import Controls
from memlab.widgets.follow import Show
from memlab.widgets.live_chart import LiveChart
from memlab.widgets.panel import Panel
from memlab.widgets.source_view import SourceView
from memlab.widgets.traces import TraceSpec

_SIDES = {
    "display": "grid",
    "grid_template_columns": "repeat(auto-fit, minmax(min(100%, 420px), 1fr))",
    "grid_gap": "4px 16px",
    "width": "100%",
}
SOURCE_HEIGHT, CHART_HEIGHT = 400, 320
SAID, SEEN = "the leaker says", "the kernel shows"


class Dial(Panel):
    """One of these leakers: its source, whose leaking line lights up, and its curve, as it leaks.

    The chart has the growth since the start in the account in which this leaker is measured
    (memlab.lab.meters): what its ledger says, and what the kernel shows. Raises Unsupported for
    an unknown leaker.
    """

    def __init__(self, *names: str, lang: str = "c") -> None:
        names = names or ("heap",)
        langs = get(names[0]).languages
        self.source = SourceView(
            names[0], lang if lang in langs else langs[0], height=SOURCE_HEIGHT
        )
        self.chart = LiveChart((), "", y_title="growth since start", height=CHART_HEIGHT)
        sides = widgets.Box([self.source, self.chart], layout=widgets.Layout(**_SIDES))
        controls = Controls(names[0], lang, {"this chapter": names}, unfolded=True)
        super().__init__(controls, sides, [self.chart])
        self.controls.leaker.observe(lambda _change: self._turned(), "value")
        self.controls.lang.observe(lambda _change: self._turned(), "value")
        self._turned()

    def _turned(self) -> None:
        """Another program was chosen: show its source, and an empty chart with its account."""
        name, lang = self.controls.leaker.value, self.controls.lang.value
        if name is None or lang not in get(name).languages:
            return  # between the two: the language follows
        self.source.show(name, lang)
        self.chart.clear()
        self._meter = meters.foremost(get(name))
        unit = "count" if self._meter in meters.COUNTS else "bytes"
        self.chart.set_traces(
            [
                TraceSpec(SEEN, RSS, unit, label=f"{SEEN}: {self._meter}", hint=self._meter),
                TraceSpec(
                    SAID, LINE_COLOURS[0], unit, dash="dash", hint="its ledger, in this account"
                ),
            ]
        )
        self.chart.retitle(f"{name}: what it says, and what the kernel shows")

    def shows(self) -> list[Show]:
        """What is called with each sample of a run."""
        return [self._show]

    def before(self, experiment: Experiment) -> None:
        """The zero of the account."""
        self._count = 0
        self._zero: int | None = None
        with suppress(Unsupported):
            self._zero = meters.METERS[self._meter](experiment)
        nothing = {SAID: 0.0} if self._zero is None else {SAID: 0.0, SEEN: 0.0}
        self.chart.append(time.monotonic(), nothing)

    def _show(self, sample: Sample) -> None:
        """In the follower's thread: the account of now, and the line if it has run again."""
        run = self.run
        if run is None or not run.experiment.ledger:
            return
        experiment, said = run.experiment, run.experiment.ledger[-1]
        values = {SAID: float(meters.expected(experiment.leaker, self._meter, said))}
        with suppress(MemlabError, OSError):  # it may end at any read
            if self._zero is not None:
                values[SEEN] = float(meters.METERS[self._meter](experiment) - self._zero)
        self.chart.append(sample.monotonic, values)
        if said["count"] != self._count and said["site"]:
            self._count = said["count"]
            self.source.light(said["site"], self._count)
