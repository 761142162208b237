"""The dials of a leak's shape: profile, period, jitter, touched share, seed."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from memlab.lab.options import PROFILES
from memlab.lab.registry import Leaker

PERIOD_SECONDS = 10.0  # a leaker's own default, leakers/README.md


class Shape(widgets.Box):  # type: ignore[misc]
    """How a leak is spread over time, and how much of a unit is written; knows nothing that runs."""

    def __init__(self) -> None:
        slim = widgets.Layout(width="230px")
        self.profile = widgets.Dropdown(options=PROFILES, description="profile", layout=slim)
        self.period = widgets.BoundedFloatText(
            PERIOD_SECONDS,
            min=0.1,
            max=3600,
            step=1,
            description="period, s",
            layout=widgets.Layout(width="150px"),
            tooltip="of a stair, a burst, a tooth; an acceleration doubles its rate in two",
        )
        self.jitter = self._share(0.0, "jitter")
        self.touch = self._share(1.0, "touch")
        self.seed = widgets.BoundedIntText(
            1, min=1, max=9999, description="seed", layout=widgets.Layout(width="120px")
        )
        fields = [self.profile, self.period, self.jitter, self.touch, self.seed]
        for field in fields:
            field.style.description_width = "initial"
        row = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center")
        super().__init__(fields, layout=row)

    @staticmethod
    def _share(value: float, name: str) -> widgets.FloatSlider:
        return widgets.FloatSlider(
            value,
            min=0,
            max=1,
            step=0.05,
            description=name,
            readout_format=".2f",
            continuous_update=False,
            layout=widgets.Layout(width="230px"),
        )

    def suit(self, leaker: Leaker) -> None:
        """Offer what this leaker takes: a touched share is no option where all or nothing is written."""
        self.touch.layout.display = None if leaker.touch == "share" else "none"
        self.touch.value = 1.0

    def options(self) -> dict[str, Any]:
        """What `experiment.start` gets; what was not turned leaves the leaker's own default."""
        turned = self.touch.layout.display is None and self.touch.value < 1
        return {
            "profile": self.profile.value,
            "period": self.period.value,
            "jitter": self.jitter.value or None,
            "touch": self.touch.value if turned else None,
            "seed": self.seed.value,
        }

    @property
    def disabled(self) -> bool:
        """Whether nothing can be turned now."""
        return bool(self.profile.disabled)

    @disabled.setter
    def disabled(self, disabled: bool) -> None:
        """Let all be turned, or nothing."""
        for field in self.children:
            field.disabled = disabled
