"""What `%load_ext memlab` adds to a notebook: the card of a diagnosis, and the magic."""

from __future__ import annotations

from functools import partial
from typing import Any

from memlab.lab.elsewhere import elsewhere
from memlab.model.diagnosis import Diagnosis
from memlab.present.card import card_html


def load(shell: Any) -> None:
    """Register both; once more does no harm."""
    from memlab.widgets.magic import memlab_cell

    show_cards(shell)
    shell.register_magic_function(partial(memlab_cell, shell), "cell", "memlab")


def show_cards(shell: Any) -> None:
    """A `Diagnosis` that is the value of a cell is shown as its card."""
    shell.display_formatter.formatters["text/html"].for_type(Diagnosis, _card)


def _card(diagnosis: Diagnosis) -> str:
    return card_html(diagnosis, None, elsewhere(diagnosis))
