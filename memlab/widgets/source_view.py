"""A leaker's source, to be read beside its chart; the line that leaks stands out."""

from __future__ import annotations

import re
from html import escape
from typing import Any

import anywidget
import traitlets

from memlab.lab.registry import get
from memlab.model.diagnosis import Verdict
from memlab.present.colours import VERDICT_COLOURS
from memlab.widgets.plotlyjs import JS

_SITE = re.compile(r"\S+ (?P<file>\S+):(?P<line>\d+)")
_PRE = (
    "margin:0;padding:8px 0;overflow:auto;white-space:pre;line-height:1.4;font-size:12.5px;"
    "font-family:var(--jp-code-font-family,monospace);border:1px solid rgba(128,128,128,.4)"
)


class SourceView(anywidget.AnyWidget):
    """The source of a leaker with line numbers.

    `site` is what a ledger says ("leak heap.c:17"): that line is marked, and only `around`
    lines on either side are shown. `height` (pixels) makes a longer text scroll. Raises
    Unsupported for a leaker or a language that there is not, ValueError for a site of another file.
    """

    _esm = (JS / "source_view.js").read_text()
    _css = (JS / "source_view.css").read_text()
    value = traitlets.Unicode().tag(sync=True)
    _lit: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)

    def __init__(
        self, name: str, lang: str = "c", site: str = "", around: int = 6, height: int = 0
    ) -> None:
        super().__init__()
        self.layout.width = "100%"
        self._around, self._height = around, height
        self.show(name, lang, site)

    def show(self, name: str, lang: str = "c", site: str = "") -> None:
        """Another source, or another site of this one. Raises what the constructor raises."""
        leaker = get(name)
        self._file = leaker.path(lang).name
        self._source = leaker.source(lang)
        self.line = _line_of(site, self._file) if site else None
        self._lit = {}
        self.value = source_html(self._file, self._source, self.line, self._around, self._height)

    def light(self, site: str, times: int) -> None:
        """The line of `site` has run `times` times by now: it glows, and the head says so.

        Raises ValueError for a site of another file.
        """
        line, colour = _line_of(site, self._file), VERDICT_COLOURS[Verdict.LEAK]
        text = f"{self._file}, line {line} has run {times:,} times"
        self._lit = {"line": line, "text": text, "colour": colour}

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """With the text beside the widget, for a saved notebook without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        data |= {"text/html": self.value, "text/plain": self._source}
        return data, metadata


def source_html(
    file: str, source: str, marked: int | None = None, around: int = 6, height: int = 0
) -> str:
    """A source text as HTML; of a `marked` line (from 1), which has a bar and a tint, the vicinity."""
    colour = VERDICT_COLOURS[Verdict.LEAK]
    lines = []
    for number, line in enumerate(source.rstrip("\n").split("\n"), start=1):
        if marked and abs(number - marked) > around:
            continue
        bar, tint = (colour, f"{colour}30") if number == marked else ("transparent", "transparent")
        lines.append(
            f'<span data-line="{number}" style="display:inline-block;min-width:100%;box-sizing:border-box;'
            f'padding-right:8px;border-left:4px solid {bar};background:{tint}">'
            f'<span style="opacity:.6;user-select:none">{number:4}  </span>{escape(line)}</span>'
        )
    said = f"{file}, line {marked} leaks" if marked else file
    style = f"{_PRE};max-height:{height}px" if height else _PRE
    return f'<div><b>{escape(said)}</b><pre style="{style}">' + "\n".join(lines) + "</pre></div>"


def _line_of(site: str, file: str) -> int:
    match = _SITE.fullmatch(site)
    if match is None or match["file"] != file:
        raise ValueError(f"{site!r} is no line of {file}: take `site` from this leaker's ledger")
    return int(match["line"])
