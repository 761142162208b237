"""A page of its own: one HTML file that needs no network, in the light and the dark of who reads it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from memlab.errors import Denied

if TYPE_CHECKING:
    import plotly.graph_objects as go

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 16px; max-width: 1100px;
  color: light-dark(#1d1d1d, #e6e6e6); background: light-dark(#fff, #111); overflow-wrap: anywhere; }
h1 { font-size: 1.5em; line-height: 1.3; } h2 { font-size: 1.15em; margin: 1.6em 0 .3em; }
figure { margin: 0; } figcaption { opacity: .8; }
@media print { body { max-width: none; color: #000; background: #fff; } figure { break-inside: avoid; } }
"""


def page(title: str, body: str, style: str = "") -> str:
    """The frame: `title` is text, `body` HTML that may hold `figure_html`; plotly.js comes along where it does."""
    script = f"<script>{_plotly()}</script>" if 'class="plotly-graph-div"' in body else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # no request leaves the page, whatever a name in it may hold
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:\">"
        f"<title>{escape(title)}</title><style>{_STYLE}{style}</style>{script}</head>\n"
        f"<body>{body}</body></html>\n"
    )


def figure_html(figure: go.Figure, caption: str = "") -> str:
    """A figure as a part of a page, as wide as the page."""
    drawn: str = figure.to_html(
        include_plotlyjs=False,
        full_html=False,
        # its buttons would lie over the text that stands at the top right; a double click still shows all again
        config={"responsive": True, "displayModeBar": False},
    )
    return f"<figure>{drawn}<figcaption>{escape(caption)}</figcaption></figure>"


def figures_page(title: str, figures: Sequence[go.Figure]) -> str:
    """A page of figures and no more."""
    return page(title, "".join(map(figure_html, figures)))


def write(text: str, path: str) -> None:
    """Raises Denied where it cannot be written."""
    try:
        Path(path).write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise Denied(f"{path} cannot be written: {error.strerror}", "name another --html") from None


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script
