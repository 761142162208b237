"""A number over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Series:
    """One field of a recording over time.

    `times` are monotonic seconds and `values` what was read then, both float64 of one
    length; instants without the field are simply missing. `unit` is "bytes", "count" or
    "pages"; `source` is the kernel's file and field.
    """

    name: str
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    unit: str = "bytes"
    source: str = ""

    def __len__(self) -> int:
        return len(self.times)

    @property
    def seconds(self) -> float:
        """From the first reading to the last."""
        return float(self.times[-1] - self.times[0]) if len(self) > 1 else 0.0

    @property
    def growth(self) -> float:
        """Last minus first."""
        return float(self.values[-1] - self.values[0]) if len(self) else 0.0

    def since(self, start: float) -> Series:
        """The part from `start` (monotonic seconds) on."""
        keep = self.times >= start
        return Series(self.name, self.times[keep], self.values[keep], self.unit, self.source)
