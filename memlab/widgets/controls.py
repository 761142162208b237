"""The controls of the lab: what to start, how fast, and the buttons."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from memlab.lab.registry import Leaker, leakers

_LANGUAGES = {"c": "C", "python": "Python"}


class Controls(widgets.VBox):  # type: ignore[misc]
    """Choices and buttons; knows the registry and nothing that runs.

    `state` is "idle", "busy", "running" or "paused": it decides which buttons can be pressed.
    """

    def __init__(self, leaker: str = "heap", lang: str = "c") -> None:
        wide = widgets.Layout(width="auto")
        self.leaker = widgets.Dropdown(
            options=list(leakers()), value=leaker, description="leaker", layout=wide
        )
        self.lang = widgets.Dropdown(
            options=self._languages(leakers()[leaker]),
            value=lang,
            description="language",
            layout=wide,
        )
        self.kind = widgets.ToggleButtons(
            options=[("leak", False), ("look-alike", True)],
            tooltips=["it leaks", "the same traffic, and all of it is freed"],
            style={"button_width": "90px"},
        )
        narrow = widgets.Layout(width="150px")
        self.rate = widgets.Text(description="rate", continuous_update=False, layout=narrow)
        self.cap = widgets.Text(description="cap", layout=narrow)
        self.start = widgets.Button(description="Start", button_style="primary")
        self.pause = widgets.Button(description="Pause")
        self.stop = widgets.Button(description="Stop", button_style="warning")
        self.name_it = widgets.Button(
            description="Name it", button_style="info", tooltip="diagnose what was seen so far"
        )
        self.about = widgets.HTML()
        row = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center")
        super().__init__(
            [
                widgets.Box([self.leaker, self.lang, self.rate, self.cap, self.kind], layout=row),
                widgets.Box([self.start, self.pause, self.stop, self.name_it], layout=row),
                self.about,
            ]
        )
        for field in (self.leaker, self.lang, self.rate, self.cap):
            field.style.description_width = "initial"
        self.leaker.observe(lambda _change: self._chosen(), "value")
        self.state = "idle"
        self._chosen()

    @staticmethod
    def _languages(leaker: Leaker) -> list[tuple[str, str]]:
        return [(_LANGUAGES.get(lang, lang), lang) for lang in leaker.languages]

    def _chosen(self) -> None:
        """Another leaker brings its own languages, rate and cap."""
        leaker = leakers()[self.leaker.value]
        lang = self.lang.value
        self.lang.options = self._languages(leaker)
        if lang in leaker.languages:
            self.lang.value = lang
        self.rate.placeholder = leaker.rate
        self.rate.value = leaker.rate
        cap = leaker.cap_bytes
        self.cap.value = str(cap) if leaker.is_counted else f"{cap >> 20}MiB"
        self.about.value = f"<b>{leaker.name}</b>: {leaker.summary}"

    def options(self) -> dict[str, Any]:
        """What `experiment.start` gets; an empty field leaves the leaker's own default."""
        return {
            "rate": self.rate.value.strip() or None,
            "cap": self.cap.value.strip() or None,
            "control": self.kind.value,
        }

    @property
    def state(self) -> str:
        """Where the lab is."""
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        """Enable what makes sense there."""
        self._state = state
        runs = state in ("running", "paused")
        self.start.disabled = state != "idle"
        self.pause.disabled = self.stop.disabled = not runs
        self.pause.description = "Resume" if state == "paused" else "Pause"
        for field in (self.leaker, self.lang, self.cap, self.kind):
            field.disabled = state != "idle"
        self.rate.disabled = state == "busy"
