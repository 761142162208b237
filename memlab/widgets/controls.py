"""The controls of the lab: what to start, how fast, in which shape, and the buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from memlab.lab.registry import Leaker, get, leakers
from memlab.widgets.shape import Shape

_LANGUAGES = {"c": "C", "python": "Python"}
FIRST = ("heap", "anonymous", "tmpfs", "thread-stack")
_CHAPTERS = {
    "04_heap": "the heap",
    "05_anonymous": "anonymous and file mappings",
    "06_tmpfs": "tmpfs and shared memory",
    "07_thread_stacks": "stacks",
    "09_held_by_the_kernel": "held by the kernel",
}


def groups() -> dict[str, Sequence[str]]:
    """The leakers as a learner meets them: the first four, those of each chapter, the look-alikes."""
    of = {label: [] for label in _CHAPTERS.values()}  # type: dict[str, list[str]]
    for name, leaker in leakers().items():
        if not leaker.is_lookalike:
            of.setdefault(_label(leaker), []).append(name)
    alike = [name for name, leaker in leakers().items() if leaker.is_lookalike]
    return {"the first four": FIRST, **of, "look-alikes: no leak": alike}


def _label(leaker: Leaker) -> str:
    chapter = leaker.chapter.removesuffix(".ipynb")
    return _CHAPTERS.get(chapter, chapter)


class Controls(widgets.VBox):  # type: ignore[misc]
    """Choices and buttons; knows the registry and nothing that runs.

    `choices` are the leakers to choose from, by the name of their group. `state` is "idle",
    "busy", "running" or "paused": it decides which buttons can be pressed.
    """

    def __init__(
        self,
        leaker: str = "heap",
        lang: str = "c",
        choices: Mapping[str, Sequence[str]] | None = None,
        *,
        unfolded: bool = False,
    ) -> None:
        get(leaker)  # an unknown name is refused in words
        self._choices = choices or groups()
        self._make_fields()
        self._make_buttons()
        self.shape = Shape()
        self.about = widgets.HTML()
        folded = widgets.Accordion([self.shape], titles=("shape: when it leaks, and how much",))
        folded.selected_index = None
        super().__init__([*self._rows(), self.shape if unfolded else folded, self.about])
        self.group.observe(lambda _change: self._grouped(), "value")
        self.leaker.observe(lambda _change: self._chosen(), "value")
        self.state = "idle"
        self.choose(leaker, lang)

    def _make_fields(self) -> None:
        self.group = self._dropdown("of", list(self._choices))
        self.group.layout.display = None if len(self._choices) > 1 else "none"
        self.leaker = self._dropdown("leaker", list(self._choices[self.group.value]))
        self.lang = self._dropdown("language", [])
        narrow = widgets.Layout(width="130px")
        self.rate = widgets.Text(description="rate", continuous_update=False, layout=narrow)
        self.cap = widgets.Text(description="cap", layout=narrow)
        self.kind = widgets.ToggleButtons(
            options=[("leak", False), ("control", True)],
            tooltips=["it leaks", "the same traffic, and all of it is freed"],
            style={"button_width": "70px"},
        )
        for field in (self.rate, self.cap):
            field.style.description_width = "initial"

    @staticmethod
    def _dropdown(name: str, options: list[str]) -> widgets.Dropdown:
        layout = widgets.Layout(width="auto")
        dropdown = widgets.Dropdown(options=options, description=name, layout=layout)
        dropdown.style.description_width = "initial"
        return dropdown

    def _make_buttons(self) -> None:
        self.start = widgets.Button(description="Start", button_style="primary")
        self.pause = widgets.Button(description="Pause")
        self.stop = widgets.Button(description="Stop", button_style="warning")
        self.name_it = widgets.Button(
            description="Name it", button_style="info", tooltip="diagnose what was seen so far"
        )

    def _rows(self) -> list[widgets.Box]:
        row = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center")
        choices = [self.group, self.leaker, self.lang, self.rate, self.cap, self.kind]
        buttons = [self.start, self.pause, self.stop, self.name_it]
        return [widgets.Box(choices, layout=row), widgets.Box(buttons, layout=row)]

    def choose(self, leaker: str, lang: str = "c") -> None:
        """Choose a leaker, whichever group it is in; a language it lacks leaves its first one."""
        if leaker not in self._choices[self.group.value]:
            self.group.value = next(name for name, of in self._choices.items() if leaker in of)
        self.leaker.value = leaker
        if self.lang.value is None:
            self._chosen()
        if lang in get(leaker).languages:
            self.lang.value = lang

    def _grouped(self) -> None:
        self.leaker.options = list(self._choices[self.group.value])

    def _chosen(self) -> None:
        """Another leaker brings its own languages, rate, cap, and dials that it obeys."""
        if self.leaker.value is None:
            return
        leaker = get(self.leaker.value)
        lang = self.lang.value
        self.lang.options = [(_LANGUAGES.get(one, one), one) for one in leaker.languages]
        if lang in leaker.languages:
            self.lang.value = lang
        self.rate.placeholder = leaker.rate
        self.rate.value = leaker.rate
        cap = leaker.cap_bytes
        self.cap.value = str(cap) if leaker.is_counted else f"{cap >> 20}MiB"
        self.kind.value = False
        self.shape.suit(leaker)
        self.about.value = f"<b>{leaker.name}</b>: {leaker.summary}"
        self.state = self._state

    def options(self) -> dict[str, Any]:
        """What `experiment.start` gets; an empty field leaves the leaker's own default."""
        return {
            "rate": self.rate.value.strip() or None,
            "cap": self.cap.value.strip() or None,
            "control": self.kind.value,
            **self.shape.options(),
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
        for field in (self.group, self.leaker, self.lang, self.cap, self.shape):
            field.disabled = state != "idle"
        # a look-alike is its own control
        alike = self.leaker.value is not None and get(self.leaker.value).is_lookalike
        self.kind.disabled = state != "idle" or alike
        self.rate.disabled = state == "busy"
