"""What `memlab mimic` says: which leaker and options would draw a recorded curve, and how close."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memlab.model.curves import Curve, Distance, distance
from memlab.model.diagnosis import Diagnosis
from memlab.model.series import Series

FORMAT = 1


@dataclass(frozen=True)
class Proposal:
    """A leaker with options, and the curve that it would draw.

    `options` are those of `memlab.start`; `same` are other leakers that would draw the same
    curve; `account` is what it moves: a pattern, or "page-cache".
    """

    leaker: str
    lang: str
    options: dict[str, Any]
    curve: Curve
    distance: Distance
    account: str
    is_lookalike: bool = False
    same: tuple[str, ...] = ()

    @property
    def profile(self) -> str:
        """The profile of its shape."""
        return self.curve.shape.profile

    @property
    def command(self) -> str:
        """The command that runs it."""
        words = ["memlab", "leak", self.leaker]
        if self.lang != "c":
            words += ["--lang", self.lang]
        for name, value in self.options.items():
            words += ["--" + name.replace("_", "-"), str(value)]
        return shlex.join(words)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON types."""
        shape = self.curve.shape
        return {
            "leaker": self.leaker,
            "lang": self.lang,
            "account": self.account,
            "is_lookalike": self.is_lookalike,
            "profile": shape.profile,
            "events_per_second": shape.rate,
            "period_seconds": shape.period,
            "per_second": shape.rate * self.curve.unit,
            "unit": self.curve.unit,
            "lead_seconds": self.curve.lead,
            "options": self.options,
            "distance": self.distance.size,
            "distance_share": self.distance.share,
            "same_curve": list(self.same),
            "command": self.command,
        }


@dataclass(frozen=True)
class Reenacted:
    """A proposal that was run: what its own recording showed on the account, and how far off that was.

    `growth` begins with the window, `lead` seconds after the leaker did.
    """

    growth: Series
    distance: Distance


@dataclass(frozen=True)
class Mimicry:
    """A recorded curve, and what of the bank comes closest; `best` is None where nothing does.

    `growth` is the account from the first reading on, its times from 0; `why` is a sentence.
    """

    target: dict[str, Any]
    diagnosis: Diagnosis
    growth: Series | None
    where: str
    why: str
    best: Proposal | None = None
    runners_up: tuple[Proposal, ...] = ()
    reenacted: Reenacted | None = None

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON types, `format` first."""
        return {
            "format": FORMAT,
            "target": self.target,
            "verdict": self.diagnosis.verdict,
            "reason": self.diagnosis.reason,
            "account": None if self.growth is None else self.growth.name,
            "unit": None if self.growth is None else self.growth.unit,
            "seconds": None if self.growth is None else self.growth.seconds,
            "grown": None if self.growth is None else self.growth.growth,
            "why": self.why,
            "proposal": self.best and self.best.to_json(),
            "runners_up": [one.to_json() for one in self.runners_up],
            "reenacted": self.reenacted
            and {
                "seconds": self.reenacted.growth.seconds,
                "distance": self.reenacted.distance.size,
                "distance_share": self.reenacted.distance.share,
            },
        }


def apart(recorded: Series, other: Series) -> Distance:
    """The distance of two recorded curves over the time that both have, read at the instants of the first."""
    within = recorded.times <= other.times[-1]
    times = recorded.times[within]
    values: NDArray[np.float64] = np.interp(times, other.times, other.values)
    return distance(times, recorded.values[within], values)
