"""Dial a leak and watch its line: the source beside the chart of what was asked, said and seen."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import replace

import ipywidgets as widgets
import numpy as np

from memlab.errors import MemlabError, Unsupported
from memlab.lab import meters
from memlab.lab.asked import Asked, asked, events_per_second
from memlab.lab.experiment import Experiment
from memlab.lab.registry import get
from memlab.model.sample import Sample
from memlab.model.shapes import BURSTY
from memlab.present.colours import INK, LINE_COLOURS, RSS
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
ASKED, SAID, SEEN = "asked for", "the leaker says", "the kernel shows"
# three periods of four of a bursty leak are silent: see some that are not
PREVIEW_PERIODS, PREVIEW_BURSTY, PREVIEW_POINTS = 4, 12, 600


class Dial(Panel):
    """One of these leakers: its source, whose leaking line lights up, and its curve, as it leaks.

    The chart has the growth since the start in the account in which this leaker is measured
    (memlab.lab.meters): what was asked for, what its ledger says, and what the kernel shows. Before
    it is started it has the curve that the dials ask for; where they ask for none, as of a look-alike,
    its title says so. Raises Unsupported for an unknown leaker.
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
        self._asked: Asked | None = None
        shape = self.controls.shape
        self.controls.leaker.observe(lambda _change: self._turned(), "value")
        self.controls.lang.observe(lambda _change: self._turned(), "value")
        for dial in (self.controls.rate, self.controls.cap, self.controls.kind, *shape.children):
            dial.observe(lambda _change: self._preview(), "value")
        self._turned()

    def _turned(self) -> None:
        """Another program was chosen: show its source, and an empty chart with its account."""
        name, lang = self.controls.leaker.value, self.controls.lang.value
        if name is None or lang not in get(name).languages:
            return  # between the two: the language follows
        self.source.show(name, lang)
        self._meter = meters.foremost(get(name))
        unit = "count" if self._meter in meters.COUNTS else "bytes"
        traces = [
            TraceSpec(ASKED, INK, unit, dash="dot", hint="the curve that the dials ask for"),
            TraceSpec(SEEN, RSS, unit, label=f"{SEEN}: {self._meter}", hint=self._meter),
            TraceSpec(SAID, LINE_COLOURS[0], unit, dash="dash", hint="its ledger, in this account"),
        ]
        # of a look-alike nothing is asked that a ledger would count
        self.chart.set_traces(traces[1:] if get(name).is_lookalike else traces)
        self._preview()

    def _preview(self) -> None:
        """Before a start: the curve that would be asked for now; of what makes no sense, none."""
        if self.run is not None or self.controls.state != "idle":
            return
        self.chart.clear(origin=0.0)
        self._ask(since=0.0)
        if self._asked is None:
            self._title("no curve is asked for; press Start")
            # where any growth begins: without a value the axis would begin below zero
            self.chart.append(0.0, {SAID: 0.0, SEEN: 0.0})
            return
        self._title()
        shape = self._asked.shape
        periods = PREVIEW_BURSTY if shape.profile == BURSTY else PREVIEW_PERIODS
        times = np.linspace(0, periods * shape.period, PREVIEW_POINTS)
        self.chart.append(times, {ASKED: self._asked.at(times)})

    def _title(self, text: str = "what it says, and what the kernel shows") -> None:
        self.chart.retitle(f"{self.controls.leaker.value}: {text}")

    def _ask(self, since: float) -> None:
        self._asked = None
        with suppress(ValueError):  # Start says what is wrong
            curve = asked(get(self.controls.leaker.value), self.controls.options())
            self._asked = curve and replace(curve, since=since)

    def shows(self) -> list[Show]:
        """What is called with each sample of a run."""
        return [self._show]

    def before(self, experiment: Experiment) -> None:
        """The zero of the account."""
        self._title()
        self._count = 0
        self._zero: int | None = None
        with suppress(Unsupported):
            self._zero = meters.METERS[self._meter](experiment)
        nothing = {SAID: 0.0} if self._zero is None else {SAID: 0.0, SEEN: 0.0}
        if self._asked is not None:
            nothing[ASKED] = 0.0
        self.chart.append(time.monotonic(), nothing)

    def _show(self, sample: Sample) -> None:
        """In the follower's thread: the account of now, and the line if it has run again."""
        run = self.run
        if run is None:
            return
        experiment = run.experiment
        said = experiment.ledger[-1] if experiment.ledger else meters.NOTHING
        now = time.monotonic()
        values = {SAID: float(meters.expected(experiment.leaker, self._meter, said))}
        with suppress(MemlabError, OSError):  # it may end at any read
            if self._zero is not None:
                values[SEEN] = float(meters.METERS[self._meter](experiment) - self._zero)
        if self._asked is not None and not experiment.holding:
            paused = self.controls.state == "paused"
            values[ASKED] = values[SAID] if paused else float(self._asked.at(now))
        self.chart.append(now, values)
        if said["count"] != self._count and said["site"]:
            self._count = said["count"]
            self.source.light(said["site"], self._count)

    def start(self) -> None:
        """Start what is chosen; the curve that was asked for begins when it is let go."""
        if self.run is None:
            self._ask(since=math.inf)
        super().start()
        if self.run is not None and self._asked is not None and math.isinf(self._asked.since):
            self._asked = replace(self._asked, since=self.run.began)

    def pause_or_resume(self) -> None:
        """Hold the leak, or let it go on: then its shape begins anew."""
        super().pause_or_resume()
        self._begin_anew()

    def set_rate(self) -> None:
        """Leak at the rate in the field from now on: its shape begins anew."""
        super().set_rate()
        self._begin_anew()

    def _begin_anew(self) -> None:
        run = self.run
        if run is None or self._asked is None:
            return
        said = run.experiment.ledger[-1] if run.experiment.ledger else meters.NOTHING
        rate = events_per_second(run.experiment.leaker, self.controls.rate.value.strip())
        self._asked = self._asked.anew(time.monotonic(), said["leaked_units"], rate)
