"""The one palette: memory types, verdicts and lines, the same on every screen.

Each colour keeps a contrast of 3 to 1 (WCAG 2.2, graphics) against white and against the
dark theme's #111111, so no screen needs a second palette. Anonymous memory is warm and
file memory cool, so that the two stay apart for colour-blind readers as well.
"""

from __future__ import annotations

from memlab.model.diagnosis import Verdict
from memlab.model.memory import MemoryType

TYPE_COLOURS: dict[MemoryType, str] = {
    MemoryType.PRIVATE_ANONYMOUS: "#D55E00",
    MemoryType.SHARED_ANONYMOUS: "#B8860B",
    MemoryType.PRIVATE_FILE: "#2878BD",
    MemoryType.SHARED_FILE: "#2E9CCA",
    MemoryType.OTHER: "#8A8A8A",
}

VERDICT_COLOURS: dict[Verdict, str] = {
    Verdict.LEAK: "#D13438",
    Verdict.NOT_A_LEAK: "#2E9E5B",
    Verdict.UNDECIDED: "#7E6BC4",
}

# pidstat's columns
VSZ, RSS, FAULTS = "#7E6BC4", "#D55E00", "#8A8A8A"

# for lines that are none of the four types, as those of /proc/meminfo
LINE_COLOURS = ("#2878BD", "#D55E00", "#2E9E5B", "#A0569E", "#B8860B", "#3A8F85")
DASHES = ("solid", "dash", "dot", "dashdot")

# text and grid of figures whose ground is the page's: legible on white and on the dark theme
INK, GRID = "#7A7A7A", "rgba(128,128,128,.25)"
