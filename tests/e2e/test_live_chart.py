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


NO_PLOTLY = """\
import memlab.widgets.plotlyjs as plotlyjs
from memlab.errors import Unsupported
def missing():
    raise Unsupported("plotly.js is not installed", "pip install plotly")
plotlyjs.script = missing"""


def test_without_plotly_a_line_says_so_in_the_charts_place(
    server: Server, lab_page: LabPage
) -> None:
    lab_page.open(server.add("none.ipynb", NO_PLOTLY, CHART))
    lab_page.run_all()
    [chart] = lab_page.until_charts(lambda charts: charts and charts[0]["failed"])
    assert chart["failed"] == (
        "This chart cannot be drawn: plotly.js is not installed: pip install plotly"
    )


def test_a_chart_fills_its_cell_and_follows_it(server: Server, lab_page: LabPage) -> None:
    lab_page.open(server.add("width.ipynb", CHART, "chart.append([0, 1], {'VSZ': [1, 2]})"))
    lab_page.run_all()
    [wide] = lab_page.until_charts(lambda charts: charts and points(charts)[0] == 2)
    lab_page.page.set_viewport_size({"width": 900, "height": 900})
    lab_page.until_charts(
        lambda charts: charts[0]["drawn_width"] == charts[0]["width"] < wide["width"] - 300
    )


def test_a_closed_chart_leaves_the_page(server: Server, lab_page: LabPage) -> None:
    lab_page.open(server.add("close.ipynb", CHART, "chart.append([0, 1], {'VSZ': [1, 2]})"))
    lab_page.run_all()
    lab_page.until_charts(lambda charts: charts and points(charts)[0] == 2)
    lab_page.run("chart.close()")
    lab_page.until_charts(lambda charts: not charts)
