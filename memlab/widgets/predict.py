"""A question to answer before the cell below it is run."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as widgets


class Predict(widgets.VBox):  # type: ignore[misc]
    """A question, its choices, and an answer that shows only after a choice was made.

    `answer` is one of `choices`; `explain` says why. Never blocks: "Run All" runs past it.
    Raises ValueError when the answer is none of the choices.
    """

    def __init__(
        self, question: str, choices: Sequence[str], answer: str, explain: str = ""
    ) -> None:
        if answer not in choices:
            raise ValueError(f"the answer {answer!r} is none of the choices")
        self.question, self.choices, self.answer, self.explain = question, choices, answer, explain
        self.choice = widgets.RadioButtons(
            options=list(choices), value=None, layout=widgets.Layout(width="auto")
        )
        self.reveal = widgets.Button(description="Show the answer", disabled=True)
        self.said = widgets.HTML()
        super().__init__(
            [widgets.HTML(f"<b>{escape(question)}</b>"), self.choice, self.reveal, self.said]
        )
        self.choice.observe(lambda _change: self._chosen(), "value")
        self.reveal.on_click(lambda _button: self.show_answer())

    def _chosen(self) -> None:
        self.reveal.disabled = self.choice.value is None
        self.said.value = ""

    def show_answer(self) -> None:
        """Say whether the choice was right, and why; without a choice nothing happens."""
        if self.choice.value is None:
            return
        right = self.choice.value == self.answer
        verdict = "Right." if right else f"You said “{escape(self.choice.value)}”."
        self.said.value = f"<p>{verdict} <b>{escape(self.answer)}</b>. {escape(self.explain)}</p>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """With the question as text beside the widget, for a saved notebook without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            items = "".join(f"<li>{escape(choice)}</li>" for choice in self.choices)
            bundle |= {
                "text/html": f"<b>{escape(self.question)}</b><ul>{items}</ul>",
                "text/plain": "\n- ".join([self.question, *self.choices]),
            }
        return bundle
