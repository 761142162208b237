"""What every panel that runs a leaker does: start it, watch it, name the leak, leave nothing behind."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from memlab.errors import MemlabError
from memlab.lab.experiment import Experiment
from memlab.model.diagnosis import Verdict
from memlab.model.growth import core_share
from memlab.model.sample import Sample
from memlab.present.colours import VERDICT_COLOURS
from memlab.widgets.controls import Controls
from memlab.widgets.follow import Show
from memlab.widgets.interrupt import on_interrupt
from memlab.widgets.live_chart import LiveChart
from memlab.widgets.run import Run
from memlab.widgets.verdict import VerdictView

COST_SAMPLES = 50


class Panel(widgets.VBox):  # type: ignore[misc]
    """Controls, a body, the cost of looking, and a verdict area; a subclass fills the body.

    Everything happens in threads of its own, so that cells stay free. Closing the panel,
    interrupting or restarting the kernel ends the leaker and the watching.
    """

    def __init__(
        self, controls: Controls, body: widgets.Widget, charts: Sequence[LiveChart]
    ) -> None:
        self.controls = controls
        self.charts = tuple(charts)
        self.verdict = VerdictView()
        self.run: Run | None = None
        self._last_run: Run | None = None
        self._status = widgets.HTML()
        self._error = widgets.HTML()
        self._lately: deque[Sample] = deque(maxlen=COST_SAMPLES)
        self._acting = threading.RLock()
        super().__init__(
            [self.controls, self._status, self._error, body, self.verdict],
            layout=widgets.Layout(width="100%"),
        )
        self._connect()
        self._forget_interrupts = on_interrupt(self.stop)
        self._say("nothing runs yet: choose a leaker and press Start")

    def shows(self) -> list[Show]:
        """What is called with each sample of a run."""
        raise NotImplementedError

    def before(self, experiment: Experiment) -> None:
        """Called once in each run, while the leaker is paused and has leaked nothing."""

    def _connect(self) -> None:
        for button, action in (
            (self.controls.start, self.start),
            (self.controls.pause, self.pause_or_resume),
            (self.controls.stop, self.stop),
            (self.controls.name_it, self.name_it),
        ):
            button.on_click(lambda _button, action=action: self._in_background(action))
        self.controls.rate.observe(lambda _change: self._in_background(self.set_rate), "value")

    def _in_background(self, action: Callable[[], None]) -> None:
        threading.Thread(target=self._act, args=(action,), name="memlab-lab", daemon=True).start()

    def _act(self, action: Callable[[], None]) -> None:
        """One action at a time; what goes wrong is one line in the panel."""
        with self._acting:
            self._complain("")
            try:
                action()
            except (MemlabError, ValueError) as error:
                self._complain(str(error))
            except Exception as error:
                self._complain(f"a defect of memlab: {type(error).__name__}: {error}")

    def start(self) -> None:
        """Start what is chosen. Raises what `experiment.start` raises."""
        with self._acting:
            if self.run is not None:
                return
            name, lang = self.controls.leaker.value, self.controls.lang.value
            self._clear()
            self.controls.state = "busy"
            self._say(f"starting {name} …")
            options = self.controls.options()
            shows = [*self.shows(), self._show_cost]
            try:
                self.run = Run(name, lang, shows, self._ended, self.before, **options)
            except BaseException:
                self.controls.state = "idle"
                self._say("nothing runs")
                raise
            self.controls.state = "running"

    def _clear(self) -> None:
        self.verdict.clear()
        self._lately.clear()
        self._last_run = None
        for chart in self.charts:
            chart.clear()

    def pause_or_resume(self) -> None:
        """Hold the leak, or let it go on; the watching goes on."""
        with self._acting:
            if self.run is None:
                return
            if self.controls.state == "paused":
                self.run.experiment.resume()
                self.controls.state = "running"
            else:
                self.run.experiment.pause()
                self.controls.state = "paused"

    def set_rate(self) -> None:
        """Leak at the rate in the field from now on."""
        with self._acting:
            if self.run is not None and self.controls.rate.value.strip():
                self.run.experiment.set_rate(self.controls.rate.value.strip())

    def stop(self) -> None:
        """End the leaker and the watching; the charts and what was recorded stay."""
        with self._acting:
            run, self.run = self.run, None
            if run is None:
                return
            self.controls.state = "busy"
            self._last_run = run
            try:
                run.stop()
            finally:
                self.controls.state = "idle"
                self._say("stopped; the charts stay, and Name it still works")

    def name_it(self) -> None:
        """Judge what was seen so far, and show it beside what the leaker says."""
        run = self.run or self._last_run
        if run is None:
            self._complain("there is nothing to name yet: press Start")
            return
        self.verdict.show(run.diagnose(), run.experiment.events)

    def close(self) -> None:
        """End what runs, and take the panel off the page."""
        if "controls" not in self.__dict__:
            return  # refused before there was a panel; ipywidgets closes what it collects
        self._forget_interrupts()
        self.stop()
        for chart in self.charts:
            chart.close()
        super().close()

    def _ended(self) -> None:
        """The leaker has gone without being asked (in the follower's thread)."""
        self._in_background(self._after_the_end)

    def _after_the_end(self) -> None:
        run = self.run
        if run is None or not run.recorder.ended:
            return
        said = [event for event in run.experiment.events if event.get("event") in ("killed", "end")]
        self.stop()
        why = f" ({said[-1].get('reason')})" if said else ""
        self._say(f"the leaker has ended{why}; the charts stay, and Name it still works")

    def _show_cost(self, sample: Sample) -> None:
        """About once a second (in the follower's thread)."""
        self._lately.append(sample)
        run = self.run
        share = core_share(self._lately)
        if run is None or share is None or sample.index % 5:
            return
        if run.errors:
            self._complain(f"a defect of memlab: {run.errors[0]!r}")
        experiment = run.experiment
        doing = f"holds ({experiment.holding})" if experiment.holding else self.controls.state
        self._say(
            f"{experiment.leaker.name}, pid {experiment.pid}: {doing} · "
            f"looking costs {share:.1%} of a core, drawing {run.drawing_share:.1%}"
        )

    def _say(self, text: str) -> None:
        self._status.value = f"<span>{escape(text)}</span>"

    def _complain(self, text: str) -> None:
        colour = VERDICT_COLOURS[Verdict.LEAK]
        self._error.value = f'<b style="color:{colour}">{escape(text)}</b>' if text else ""

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**kwargs), {}
        if isinstance(data, tuple):
            data, metadata = data
        pictures = [chart._repr_mimebundle_()[0] for chart in self.charts]
        data["text/html"] = "".join(p["text/html"] for p in pictures) + self.verdict.value
        data["text/plain"] = "\n".join(p["text/plain"] for p in pictures)
        return data, metadata
