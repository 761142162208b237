"""The palette can be read on both themes."""

from __future__ import annotations

import pytest

from memlab.model.diagnosis import Verdict
from memlab.model.memory import MemoryType
from memlab.present import colours

EVERY = {
    **{kind.label: colour for kind, colour in colours.TYPE_COLOURS.items()},
    **{verdict.value: colour for verdict, colour in colours.VERDICT_COLOURS.items()},
    **{f"line {i}": colour for i, colour in enumerate(colours.LINE_COLOURS)},
    "VSZ": colours.VSZ,
    "RSS": colours.RSS,
    "faults": colours.FAULTS,
}


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("paper", ["#FFFFFF", "#111111"])
@pytest.mark.parametrize("name", EVERY)
def test_each_colour_stands_out_from_the_paper(name: str, paper: str) -> None:
    darker, lighter = sorted((luminance(EVERY[name]), luminance(paper)))
    assert (lighter + 0.05) / (darker + 0.05) >= 3  # WCAG 2.2, 1.4.11: graphics


def test_everything_has_a_colour_and_no_two_types_share_one() -> None:
    assert set(colours.TYPE_COLOURS) == set(MemoryType)
    assert set(colours.VERDICT_COLOURS) == set(Verdict)
    assert len(set(colours.TYPE_COLOURS.values())) == len(MemoryType)
    assert len(set(colours.LINE_COLOURS)) == len(colours.LINE_COLOURS)
