"""Text that keeps its lines in a notebook: a table scrolls sideways where it is too wide, and does not wrap."""

from __future__ import annotations

from html import escape


class Wide(str):
    """A text like any other, shown as it is by a notebook whose cell ends in it."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        style = (
            "white-space: pre; overflow-x: auto; text-align: left; margin: 0; padding: 0;"
            " font-size: var(--jp-code-font-size, 13px); line-height: 1.3"
        )
        return f'<pre style="{style}">{escape(self)}</pre>'

    def __repr__(self) -> str:
        return str(self)
