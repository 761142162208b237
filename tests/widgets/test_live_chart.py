"""A live chart through its messages and traits; in a browser it is tested in tests/e2e."""

from __future__ import annotations

import gzip
import threading
from importlib.resources import files
from xml.etree import ElementTree

import numpy as np
import pytest

from memlab.units import MIB
from memlab.widgets import LiveChart, TraceSpec
from memlab.widgets.still import byte_ticks, tick_text
from tests.waiting import until
from tests.widgets.page import channels, said, table, tell


@pytest.fixture
def chart(monkeypatch: pytest.MonkeyPatch) -> LiveChart:
    channels(monkeypatch)
    return LiveChart([TraceSpec("a", "#D55E00"), TraceSpec("b", "#2878BD")], "Two", max_points=100)


def test_a_view_that_says_hello_gets_all_there_is(chart: LiveChart) -> None:
    chart.append([50.0, 51.0], {"a": [1, 2], "b": [3, 4]})
    tell(chart, kind="hello", client="me")
    [(message, buffers)] = said(chart, "points")
    assert (message["first"], message["reset"], message["client"]) == (0, True, "me")
    assert table(message, buffers) == {"": [0, 1], "a": [1, 2], "b": [3, 4]}


def test_then_only_what_is_new(chart: LiveChart) -> None:
    tell(chart, kind="hello", client="me")
    chart.append(50.0, {"a": 1, "b": 2})
    tell(chart, kind="ack", end=1)
    chart.append(51.5, {"a": 5})
    until(lambda: len(said(chart, "points")) == 3)
    message, buffers = said(chart, "points")[-1]
    assert message["first"] == 1
    got = table(message, buffers)
    assert (got[""], got["a"]) == ([1.5], [5]) and np.isnan(got["b"]).all()


def test_a_second_view_gets_the_history_too(chart: LiveChart) -> None:
    tell(chart, kind="hello", client="one")
    chart.append(range(250), {"a": range(250), "b": range(250)})
    tell(chart, kind="hello", client="two")
    message, buffers = said(chart, "points")[-1]
    assert (message["client"], message["first"]) == ("two", 150)
    assert table(message, buffers)["a"] == list(range(150, 250))


def test_a_line_that_is_added_later_brings_its_past(chart: LiveChart) -> None:
    chart.append([0, 1], {"a": [1, 2], "grown": [7, 8]})
    chart.set_traces([*chart.traces, TraceSpec("grown", "#888888")])
    tell(chart, kind="hello", client="me")
    assert table(*said(chart, "points")[-1])["grown"] == [7, 8]
    assert [trace["name"] for trace in chart._traces] == ["a", "b", "grown"]


def test_a_cleared_chart_tells_every_view_and_starts_at_zero(chart: LiveChart) -> None:
    tell(chart, kind="hello", client="me")
    chart.append([5, 6], {"a": [1, 2]})
    chart.clear()
    message, buffers = said(chart, "points")[-1]
    assert message["reset"] and message["client"] is None
    assert table(message, buffers)[""] == []
    chart.append(100.0, {"a": 1})
    assert chart.values("a")[0].tolist() == [0.0]


def test_the_script_is_the_installed_plotlys(chart: LiveChart) -> None:
    tell(chart, kind="script", client="me")
    [(message, buffers)] = said(chart, "script")
    plotlys = (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    assert message["client"] == "me" and gzip.decompress(buffers[0]) == plotlys
    # jupyter_server drops what exceeds 1 MB/s over 3 s; two charts may ask at once
    assert len(buffers[0]) < 1_500_000


def test_what_is_no_message_of_ours_is_ignored(chart: LiveChart) -> None:
    for content in ({}, {"kind": "hello"}, {"kind": "ack", "end": "x"}, {"kind": 5}):
        tell(chart, **content)
    assert said(chart, "points") == []


def test_threads_may_append_while_views_come_and_go(chart: LiveChart) -> None:
    def append() -> None:
        for i in range(300):
            chart.append(float(i), {"a": i, "b": -i})

    threads = [threading.Thread(target=append) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        tell(chart, kind="hello", client="me")
    for thread in threads:
        thread.join()
    for message, buffers in said(chart, "points"):
        got = table(message, buffers)
        assert got["a"] == [-v for v in got["b"]], "a row was torn"


def test_a_closed_chart_sends_nothing(chart: LiveChart) -> None:
    channel = chart.comm
    tell(chart, kind="hello", client="me")
    chart.close()
    sent = len(channel.sent)
    chart.append(1.0, {"a": 1})
    assert len(channel.sent) == sent


def test_a_saved_notebook_gets_a_small_picture(chart: LiveChart) -> None:
    chart.append(np.arange(4000.0), {"a": np.arange(4000) * 1e4, "b": np.full(4000, np.nan)})
    data, _metadata = chart._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    html = data["text/html"]
    assert len(html) < 10_000 and "<script" not in html
    svg = ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])
    assert svg.find("{*}polyline") is not None
    assert "a 38.1 MiB" in data["text/plain"] and "b –" in data["text/plain"]


def test_names_are_escaped_in_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    channels(monkeypatch)
    chart = LiveChart([TraceSpec("<b>x", "#888888")], "<script>alert(1)</script>")
    chart.append([0, 1], {"<b>x": [1, 2]})
    html = chart._repr_mimebundle_()[0]["text/html"]
    assert "<script" not in html and "<b>x" not in html


def test_the_figure_has_what_the_chart_has(chart: LiveChart) -> None:
    chart.append([0, 10], {"a": [MIB, 3 * MIB], "b": [0, 0]})
    figure = chart.figure()
    assert [trace.name for trace in figure.data] == ["a", "b"]
    assert list(figure.data[0].y) == [MIB, 3 * MIB]
    assert "2 MiB" in figure.layout.yaxis.ticktext


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0, 4 * MIB, ["0", "1 MiB", "2 MiB", "3 MiB", "4 MiB"]),
        (0, 100, ["0", "256 B"]),
        (
            10240 * MIB,
            10242 * MIB,
            ["10,240 MiB", "10,240.5 MiB", "10,241 MiB", "10,241.5 MiB", "10,242 MiB"],
        ),
    ],
)
def test_ticks_are_powers_of_two_and_differ(low: float, high: float, texts: list[str]) -> None:
    ticks = byte_ticks(low, high)
    step = ticks[1] - ticks[0]
    assert step & (step - 1) == 0
    assert [tick_text(at, step) for at in ticks] == texts
