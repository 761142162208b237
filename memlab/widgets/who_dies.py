"""A rehearsal to play with: sizes and adjustments to set, a victim to name, and the kernel to decide."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from memlab.errors import MemlabError
from memlab.lab.rehearsal import rehearse
from memlab.model.diagnosis import Verdict
from memlab.model.oom_line_up import FIRST_LESSON, LineUp, Task, line_up
from memlab.model.oom_rehearsal import Rehearsed
from memlab.present.colours import VERDICT_COLOURS
from memlab.present.rehearsal_card import rehearsal_card
from memlab.units import MIB, format_bytes


class WhoDies(widgets.VBox):  # type: ignore[misc]
    """Controls for each task of a line-up, a choice, a button, and what came of it. `told` is the last rehearsal.

    Nothing runs before the button is pressed, and then in a thread: "Run All" runs past it.
    """

    def __init__(self, tasks: LineUp | Sequence[str | Task] = FIRST_LESSON) -> None:
        self._made = tasks if isinstance(tasks, LineUp) else line_up(tasks)
        self.told: Rehearsed | None = None
        self._acting = threading.Lock()
        self.sizes = {
            one.name: self._slider("MiB", one.size // MIB, 1, self._made.limit // MIB)
            for one in self._made.tasks
        }
        self.adjs = {one.name: self._slider("adj", one.adj, 0, 1000) for one in self._made.tasks}
        self.on_tmpfs = {
            one.name: widgets.Checkbox(
                one.on_tmpfs,
                description="on tmpfs",
                indent=False,
                layout=widgets.Layout(width="auto"),
            )
            for one in self._made.tasks
        }
        self.to_the_end = widgets.Checkbox(
            self._made.to_the_end, description="go on until the one that grows is dead", indent=False,
            layout=widgets.Layout(width="auto"),
        )  # fmt: skip
        self.said = widgets.ToggleButtons(
            options=self._made.names, value=None, description="who dies?"
        )
        self.go = widgets.Button(description="Let it run", button_style="warning")
        self.shown = widgets.HTML()
        rows = [
            widgets.HBox(
                [
                    widgets.Label(self._label(name), layout=widgets.Layout(width="9em")),
                    self.sizes[name], self.adjs[name], self.on_tmpfs[name],
                ],
                layout=widgets.Layout(flex_flow="row wrap"),
            )
            for name in self._made.names
        ]  # fmt: skip
        head = widgets.HTML(f"A group of {format_bytes(self._made.limit)}:")
        super().__init__([head, *rows, self.to_the_end, self.said, self.go, self.shown])
        self.go.on_click(lambda _button: threading.Thread(target=self._act, daemon=True).start())

    def _slider(self, name: str, value: int, least: int, most: int) -> widgets.IntSlider:
        return widgets.IntSlider(
            value=value, min=min(least, value), max=most, description=name,
            layout=widgets.Layout(width="270px"),
        )  # fmt: skip

    def _label(self, name: str) -> str:
        return f"{name} (grows)" if name == self._made.grows else name

    def line_up(self) -> LineUp:
        """As the controls stand. Raises Refused for what would not fit."""
        tasks = [
            Task(
                name, self.sizes[name].value * MIB, self.adjs[name].value, self.on_tmpfs[name].value
            )
            for name in self._made.names
        ]
        return line_up(tasks, self._made.limit, self._made.grows, self.to_the_end.value)

    def run(self) -> Rehearsed:
        """Run it and show it, as the button does. Raises what `rehearse` raises."""
        self.told = rehearse(self.line_up(), self.said.value)
        self.shown.value = rehearsal_card(self.told)
        return self.told

    def _act(self) -> None:
        """One at a time; what goes wrong is one line."""
        if not self._acting.acquire(blocking=False):
            return
        self.go.disabled = True
        self.shown.value = "it runs …"
        try:
            self.run()
        except MemlabError as error:
            colour = VERDICT_COLOURS[Verdict.LEAK]
            self.shown.value = f'<b style="color:{colour}">{escape(str(error))}</b>'
        except Exception as error:
            self.shown.value = (
                f"<b>a defect of memlab: {escape(f'{type(error).__name__}: {error}')}</b>"
            )
        finally:
            self.go.disabled = False
            self._acting.release()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """With the line-up as text, and the last outcome, for a saved notebook without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            rows = "".join(
                f"<li>{escape(self._label(one.name))}: {format_bytes(one.size)}, adj {one.adj}</li>"
                for one in self._made.tasks
            )
            bundle |= {
                "text/html": f"Who dies?<ul>{rows}</ul>{self.shown.value}",
                "text/plain": "Who dies? " + ", ".join(self._made.names),
            }
        return bundle
