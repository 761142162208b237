"""What was asked of a leaker, as a curve in the account in which it is measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memlab.lab import meters
from memlab.lab.registry import Leaker
from memlab.model.shapes import SAWTOOTH, Shape
from memlab.units import parse_bytes, parse_rate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """A shape from `since` (monotonic seconds) on, of units that move the meter by `unit` each.

    `base` units were leaked before it; at `most` the cap holds it.
    """

    shape: Shape
    unit: float
    most: float
    since: float = 0.0
    base: int = 0

    def at(self, times: ArrayLike) -> Floats:
        """By how much the leaker's foremost meter will have moved at each of `times`."""
        seconds = np.maximum(np.asarray(times, dtype=np.float64) - self.since, 0.0)
        units = np.minimum(self.base + self.shape.kept(seconds), self.most)
        moved: Floats = units * self.unit
        return moved

    def anew(self, since: float, base: int, rate: float = 0.0) -> Asked | None:
        """After a pause or at a new rate the shape begins again; None for a saw, whose teeth do not."""
        if self.shape.profile == SAWTOOTH:
            return None
        shape = replace(self.shape, rate=rate or self.shape.rate)
        return replace(self, shape=shape, since=since, base=base)


def asked(leaker: Leaker, options: Mapping[str, Any]) -> Asked | None:
    """The curve of what `experiment.start` is asked, from 0 on; None for what leaks nothing.

    Options that are missing or None are the leaker's own. Raises ValueError for what is no rate
    or no size.
    """
    if leaker.is_lookalike or options.get("control"):
        return None
    share = options.get("touch")
    touched = int(leaker.chunk_bytes * (1.0 if share is None else share))
    said = {"leaked_bytes": leaker.chunk_bytes, "touched_bytes": touched, "leaked_units": 1}
    cap = parse_bytes(str(options.get("cap") or leaker.cap_bytes))
    size = {"count": 1, "virtual": leaker.chunk_bytes, "resident": touched}[leaker.cap_basis]
    return Asked(
        Shape(
            events_per_second(leaker, str(options.get("rate") or leaker.rate)),
            str(options.get("profile") or "linear"),
            float(options.get("period") or 10.0),
            float(options.get("jitter") or 0.0),
            int(options.get("seed") or 1),
        ),
        unit=meters.expected(leaker, meters.foremost(leaker), said),
        most=cap // size if size else math.inf,
    )


def events_per_second(leaker: Leaker, rate: str) -> float:
    """A rate as people write it, in events; ValueError where it is none, or bytes of a thing."""
    parsed = parse_rate(rate)
    if parsed.events_per_second is None and leaker.is_counted:
        raise ValueError(f"{rate!r}: {leaker.name} leaks things, not bytes; write it like 4/s")
    return parsed.events(leaker.chunk_bytes)
