"""Curves to be judged by eye, before anything else judges them."""

from __future__ import annotations

from collections.abc import Iterable

import ipywidgets as widgets

CHOICES = ("leak", "no leak")


class ByEye(widgets.GridBox):  # type: ignore[misc]
    """A row of buttons for each label; `said` is what was chosen: "leak", "no leak", or nothing.

    Never blocks: "Run All" runs past it, and then nothing was said.
    """

    def __init__(self, labels: Iterable[str]) -> None:
        self._rows = {
            label: widgets.ToggleButtons(options=CHOICES, value=None, style={"button_width": "6em"})
            for label in labels
        }
        lines = [
            widgets.HBox([widgets.Label(label, layout={"width": "2em"}), row])
            for label, row in self._rows.items()
        ]
        super().__init__(lines, layout={"grid_template_columns": "auto auto 1fr"})

    @property
    def said(self) -> dict[str, str]:
        """By label, where something was chosen."""
        return {label: row.value for label, row in self._rows.items() if row.value}

    def choose(self, label: str, word: str) -> None:
        """As a click does. Raises KeyError for a label that there is not."""
        self._rows[label].value = word
