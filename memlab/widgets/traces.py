"""What a chart has to know of each of its lines."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class TraceSpec:
    """One line of a chart.

    `unit` is "bytes" (shown as KiB, MiB, GiB), "count", or the text of a rate as "/s". With
    `stack` the lines of a chart lie on each other and are filled. `axis` is 1 (left) or 2
    (right). `label` is what the legend shows, `hint` what it says when pointed at.
    """

    name: str
    colour: str
    unit: str = "bytes"
    stack: bool = False
    axis: Literal[1, 2] = 1
    dash: str = "solid"
    label: str = ""
    hint: str = ""

    @property
    def text(self) -> str:
        """The label, or else the name."""
        return self.label or self.name

    def state(self) -> dict[str, Any]:
        """As the browser gets it."""
        return {**asdict(self), "label": self.text}
