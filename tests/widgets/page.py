"""The far end of a widget's channel, without a browser: keeps what is sent, and answers."""

from __future__ import annotations

from typing import Any

import comm
import ipywidgets
import numpy as np
from comm.base_comm import BaseComm


class Channel(BaseComm):
    """A comm whose messages are kept."""

    def publish_msg(
        self,
        msg_type: str,
        data: Any = None,
        metadata: Any = None,
        buffers: Any = None,
        **keys: Any,
    ) -> None:
        self.__dict__.setdefault("sent", []).append((msg_type, data or {}, buffers or []))


def channels(monkeypatch: Any) -> None:
    """Widgets that are made from now on talk to a `Channel`."""
    monkeypatch.setattr(comm, "create_comm", Channel)


def said(widget: ipywidgets.Widget, kind: str) -> list[tuple[dict[str, Any], list[bytes]]]:
    """The custom messages of one kind that the widget has sent, with their buffers."""
    return [
        (data["content"], buffers)
        for _, data, buffers in widget.comm.sent
        if data.get("method") == "custom" and data["content"]["kind"] == kind
    ]


def tell(widget: ipywidgets.Widget, **content: Any) -> None:
    """Send the widget a custom message, as its view does."""
    widget._handle_msg(
        {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
    )


def table(message: dict[str, Any], buffers: list[bytes]) -> dict[str, list[float]]:
    """The columns of a "points" message; "" is the time."""
    rows = np.frombuffer(buffers[0], dtype="<f8").reshape(len(message["names"]) + 1, -1)
    return dict(zip(["", *message["names"]], rows.tolist(), strict=True))
