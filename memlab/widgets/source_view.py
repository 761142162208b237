"""A leaker's source, to be read beside its chart; the line that leaks stands out."""

from __future__ import annotations

import re
from html import escape
from typing import Any

import ipywidgets as widgets

from memlab.lab.registry import get
from memlab.model.diagnosis import Verdict
from memlab.present.colours import VERDICT_COLOURS

_SITE = re.compile(r"\S+ (?P<file>\S+):(?P<line>\d+)")
_PRE = (
    "margin:0;padding:8px 0;overflow-x:auto;white-space:pre;line-height:1.4;font-size:12.5px;"
    "font-family:var(--jp-code-font-family,monospace);border:1px solid rgba(128,128,128,.4)"
)


class SourceView(widgets.HTML):  # type: ignore[misc]
    """The source of a leaker with line numbers.

    `site` is what a ledger says ("leak heap.c:17"): that line is marked, and only `around`
    lines on either side are shown. Raises Unsupported for a leaker or a language that there
    is not, ValueError for a site of another file.
    """

    def __init__(self, name: str, lang: str = "c", site: str = "", around: int = 6) -> None:
        leaker = get(name)
        self._file = leaker.path(lang).name
        self._source = leaker.source(lang)
        self.line = _line_of(site, self._file) if site else None
        super().__init__(source_html(self._file, self._source, self.line, around))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """With the text beside the widget, for a saved notebook without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle |= {"text/html": self.value, "text/plain": self._source}
        return bundle


def source_html(file: str, source: str, marked: int | None = None, around: int = 6) -> str:
    """A source text as HTML; of a `marked` line (from 1), which has a bar and a tint, the vicinity."""
    colour = VERDICT_COLOURS[Verdict.LEAK]
    lines = []
    for number, line in enumerate(source.rstrip("\n").split("\n"), start=1):
        if marked and abs(number - marked) > around:
            continue
        bar, tint = (colour, f"{colour}30") if number == marked else ("transparent", "transparent")
        lines.append(
            f'<span style="display:inline-block;min-width:100%;box-sizing:border-box;'
            f'padding-right:8px;border-left:4px solid {bar};background:{tint}">'
            f'<span style="opacity:.6;user-select:none">{number:4}  </span>{escape(line)}</span>'
        )
    said = f"{file}, line {marked} leaks" if marked else file
    return f'<div><b>{escape(said)}</b><pre style="{_PRE}">' + "\n".join(lines) + "</pre></div>"


def _line_of(site: str, file: str) -> int:
    match = _SITE.fullmatch(site)
    if match is None or match["file"] != file:
        raise ValueError(f"{site!r} is no line of {file}: take `site` from this leaker's ledger")
    return int(match["line"])
