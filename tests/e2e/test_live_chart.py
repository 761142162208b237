"""A live chart in a real JupyterLab."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.jupyter import Server
from tests.e2e.lab_page import LabPage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CHART = """\
import math, threading, time
from memlab.present.colours import FAULTS, RSS, TYPE_COLOURS, VSZ
from memlab.units import MIB
from memlab.widgets import LiveChart, TraceSpec
chart = LiveChart([TraceSpec("VSZ", VSZ), TraceSpec("RSS", RSS),
                   TraceSpec("minor faults", FAULTS, unit="/s", axis=2)],
                  "A process that leaks", y_title="memory", y2_title="faults per second")
chart"""
FEED = """\
over = threading.Event()
def feed():
    start = time.monotonic()
    while not over.wait(0.1):
        t = time.monotonic()
        s = t - start
        chart.append(t, {"VSZ": 40 * MIB + s * 3 * MIB, "RSS": 10 * MIB + s * 2 * MIB,
                         "minor faults": 500 + 100 * math.sin(s)})
        areas.append(t, {kind.label: (5 + (i == 0) * 2 * s) * MIB for i, kind in enumerate(TYPE_COLOURS)})
thread = threading.Thread(target=feed, daemon=True); thread.start()"""
AREAS = """\
areas = LiveChart([TraceSpec(kind.label, colour, stack=True) for kind, colour in TYPE_COLOURS.items()],
                  "The four memory types", y_title="resident and swapped")
areas"""


def points(charts: list[dict[str, Any]]) -> list[int]:
    """The number of points that each chart shows."""
    return [chart["traces"][0]["points"] if chart["traces"] else 0 for chart in charts]


def test_points_arrive_the_curve_moves_and_a_reload_restores_it(
    server: Server, lab_page: LabPage
) -> None:
    lab_page.open(server.add("chart.ipynb", CHART, AREAS, FEED))
    lab_page.run_all()
    first = lab_page.until_charts(lambda charts: len(charts) == 2 and min(points(charts)) >= 20)
    later = lab_page.until_charts(lambda charts: points(charts)[0] >= points(first)[0] + 20)
    assert first[0]["paths"][0] != later[0]["paths"][0], "the line was not drawn anew"
    rss = next(trace for trace in later[0]["traces"] if trace["name"] == "RSS")
    assert rss["y"] == sorted(rss["y"]) and rss["x"] == sorted(rss["x"])
    assert rss["x"][0] == 0.0
    assert any("MiB" in tick for tick in later[0]["ticks"])

    # the second chart took the plotly.js of the first
    assert lab_page.page.evaluate("globalThis.__memlab_plotly_loads") == 1

    lab_page.save()
    lab_page.reload()
    seen = points(later)[0]
    again = lab_page.until_charts(lambda charts: len(charts) == 2 and points(charts)[0] >= seen)
    assert again[0]["traces"][0]["x"][0] == 0.0
    lab_page.until_charts(lambda charts: points(charts)[0] >= points(again)[0] + 20)
    lab_page.picture("live-chart-light")
