"""The bars of a figure are the numbers of what it draws."""

import os

import pytest

from memlab.model.why import explain
from memlab.present.figures import amounts_figure, why_figure
from memlab.units import MIB
from tests.model.views import whole


def test_amounts_are_drawn_in_their_order_with_their_figures():
    (bars,) = amounts_figure(
        {"large": 3 << 30, "small": 4096, "below zero": -(1 << 20)}, title="sizes"
    ).data
    assert list(bars.y) == ["large", "small", "below zero"]
    assert list(bars.x) == [3072, 4096 / MIB, -1]
    assert list(bars.text) == ["3 GiB", "4 KiB", "-1 MiB"]


@pytest.mark.live
@pytest.mark.parametrize("names", [("ps.rss", "smaps.pss"), ("ps.vsz", "free.used")])
def test_a_way_is_drawn_so_that_it_adds_up(names):
    """A waterfall's relative bars between its two absolute ones; residuals are bars too."""
    found = explain(whole(os.getpid()), *names)
    figure = why_figure(found)
    (bars,) = figure.data
    assert [bars.measure[0], bars.measure[-1]] == ["absolute", "total"]
    assert set(bars.measure[1:-1]) == {"relative"}
    assert sum(bars.x[:-1]) == pytest.approx(bars.x[-1]) == pytest.approx(found.end.bytes / MIB)
    assert bars.y[0] == names[0] and bars.y[-1] == names[1]
    assert len(set(bars.y)) == len(bars.y)  # two bars of one name would lie on each other
    if found.residual:
        assert any("residual" in name for name in bars.y)
