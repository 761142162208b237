"""A chart that grows while the reader works on: Python appends, the browser draws."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike

from memlab.widgets import plotlyjs
from memlab.widgets.feed import Feed
from memlab.widgets.ring import Ring
from memlab.widgets.still import still_figure, still_html, still_text
from memlab.widgets.traces import TraceSpec

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MAX_POINTS = 4096


class LiveChart(anywidget.AnyWidget):
    """Lines over the seconds since a start, drawn by plotly.js as they grow.

    `append` may be called from any thread and at any rate; see `Feed` for what is sent when.
    The latest `max_points` rows are kept here: a page that is reloaded, or a second view,
    gets them. The chart shows the last `window_seconds` of them.
    """

    _esm = plotlyjs.module("live_chart.js")
    _css = (plotlyjs.JS / "live_chart.css").read_text()
    _chart = traitlets.Dict().tag(sync=True)
    _traces: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)

    def __init__(
        self,
        traces: Sequence[TraceSpec] = (),
        title: str = "",
        *,
        window_seconds: float = 120.0,
        y_title: str = "",
        y2_title: str = "",
        height: int = 240,
        origin: float | None = None,
        max_points: int = MAX_POINTS,
    ) -> None:
        self._lock = threading.Lock()
        self._ring = Ring(max_points)
        self._feed = Feed(self._send_from)
        self._origin = origin
        self._specs: tuple[TraceSpec, ...] = ()
        super().__init__(
            _chart={
                "title": title,
                "x_title": "seconds since start",
                "y_title": y_title,
                "y2_title": y2_title,
                "window_seconds": window_seconds,
                "height": height,
                "max_points": max_points,
            }
        )
        self.layout.width = "100%"
        self.layout.min_width = "0"
        self.set_traces(traces)
        self.on_msg(self._on_message)

    @property
    def title(self) -> str:
        """The line above the chart."""
        return str(self._chart["title"])

    def retitle(self, title: str) -> None:
        """Another line above the chart."""
        self._chart = {**self._chart, "title": title}

    @property
    def traces(self) -> tuple[TraceSpec, ...]:
        """The lines that are shown."""
        return self._specs

    def set_traces(self, traces: Sequence[TraceSpec]) -> None:
        """Show these lines; what was appended under their names is shown too."""
        with self._lock:
            self._specs = tuple(traces)
        self._traces = [spec.state() for spec in traces]

    def append(self, times: ArrayLike, values: Mapping[str, ArrayLike]) -> None:
        """Add rows: monotonic seconds, and the values of each line (NaN where it has none).

        Scalars or arrays of one length. Values of a name that is no trace yet are kept for
        the day it becomes one. The first time of all is the zero of the axis, unless
        `origin` was given.
        """
        when = np.atleast_1d(np.asarray(times, dtype=np.float64))
        if not len(when):
            return
        with self._lock:
            if self._origin is None:
                self._origin = float(when[0])
            self._ring.append(when - self._origin, values)
            end = self._ring.end
        self._feed.grown(end)

    def clear(self, origin: float | None = None) -> None:
        """Forget what was appended; the next first time, or `origin`, is the new zero."""
        with self._lock:
            self._ring.clear()
            self._origin = origin
        self._send_history(client=None)

    def values(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Times (seconds since start) and values of one line, as far as they are kept."""
        with self._lock:
            return self._ring.times(), self._ring.column(name)

    def figure(self) -> Figure:
        """What the chart shows, as a plotly figure to study or to print."""
        return still_figure(self._chart, self._specs, self._snapshot())

    def close(self) -> None:
        """Take the chart off the page, and send nothing more."""
        self._feed.close()
        super().close()

    def _snapshot(self) -> np.ndarray:
        with self._lock:
            return self._ring.table([spec.name for spec in self._specs])

    def _points(self, start: int) -> tuple[dict[str, Any], list[bytes], int]:
        """The message and the buffer with all rows from `start` on, and the row after them."""
        with self._lock:
            names = [spec.name for spec in self._specs]
            first, end = max(start, self._ring.first), self._ring.end
            table = self._ring.table(names, first)
        message = {"kind": "points", "first": first, "names": names}
        return message, [table.astype("<f8").tobytes()], end

    def _send_from(self, start: int) -> int:
        message, buffers, end = self._points(start)
        self.send(message, buffers)
        return end

    def _send_history(self, client: str | None) -> None:
        message, buffers, end = self._points(0)
        self.send({**message, "reset": True, "client": client}, buffers)
        self._feed.hello(end)

    def _on_message(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        match content:
            case {"kind": "script", "client": str(client)}:
                self.send(*plotlyjs.answer(client))
            case {"kind": "hello", "client": str(client)}:
                self._send_history(client)
            case {"kind": "ack", "end": int(end)}:
                self._feed.acknowledge(end)

    def _repr_mimebundle_(self, **_kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_()
        if bundle is None:
            return None
        data, metadata = bundle
        table = self._snapshot()
        data["text/html"] = still_html(self._chart, self._specs, table)
        data["text/plain"] = still_text(self._chart, self._specs, table)
        return data, metadata
