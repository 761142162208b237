"""The explanation of pasted text, for a terminal or a notebook cell."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from memlab.errors import MemlabError, meant
from memlab.model.what.glossary import names
from memlab.model.what.recognise import FORMATS, explain
from memlab.model.what.types import Explanation, Field, Item
from memlab.units import format_bytes

_WIDEST_NAME, _WIDEST_VALUE = 30, 34
_LEAST_MEANING = 28
_NAMES_ASKED = 60


def what_text(text: str, width: int = 100, here_bytes: int | None = None) -> str:
    """Explain pasted text: /proc files, tools' output, OOM reports, or a field's name.

    `here_bytes` is the MemTotal of the machine that the text is from, if sizes are to be compared
    with it and units told by it. Raises MemlabError, with the nearest names, where nothing is recognised.
    """
    explanation = explain(text, here_bytes)
    if not explanation.items:
        raise _nothing(text)
    blocks = [_block(item, width, here_bytes) for item in explanation.items]
    if explanation.unknown:
        blocks.append(_unknown(explanation, width))
    return "\n\n".join("\n".join(block) for block in blocks)


def _nothing(text: str) -> MemlabError:
    shown = " ".join(text.split())
    if not shown:
        return MemlabError("there is no text to explain", f"paste some lines of {FORMATS}")
    shown = shown if len(shown) <= _NAMES_ASKED else shown[: _NAMES_ASKED - 1] + "…"
    hint = f"{meant(shown, names())}paste field names, or lines of {FORMATS}"
    return MemlabError(f"{shown!r} is not recognised", hint)


def _block(item: Item, width: int, here_bytes: int | None) -> list[str]:
    marks, lines = _sources(item.fields, width)
    lines = [*(wrap(item.title, width) or [""]), *lines, *_rows(item.fields, marks, width)]
    for remark in item.remarks:
        lines += _remark(remark.tone, remark.text, width)
    if here_bytes and item.resident:
        share = (
            f"{100 * item.resident / here_bytes:.2g} % of this machine's {format_bytes(here_bytes)}"
        )
        lines += _remark("here", f"{format_bytes(item.resident)} resident is {share}", width)
    return lines


def _remark(tone: str, text: str, width: int) -> list[str]:
    return _wrapped(f"{tone + ':':<10}{text}", width, "  ", " " * 12)


def _sources(fields: tuple[Field, ...], width: int) -> tuple[dict[str, str], list[str]]:
    """What stands behind a row for each source, and the lines that explain it."""
    sources = [field.source for field in fields if field.source]
    distinct = sorted(dict.fromkeys(sources), key=sources.count, reverse=True)
    if len(distinct) == len(sources):
        return {source: f" [{source}]" for source in distinct}, []
    if len(distinct) == 1:
        return {}, _wrapped(f"[{distinct[0]}]", width, "  ")
    marks = {source: f" [{number}]" for number, source in enumerate(distinct, 1)}
    lines = [
        line
        for source in distinct
        for line in _wrapped(f"{marks[source].strip()} {source}", width, "  ")
    ]
    del marks[distinct[0]]  # most rows have it, so it goes without saying
    return marks, lines


def _rows(fields: tuple[Field, ...], marks: dict[str, str], width: int) -> Iterator[str]:
    names = min(max((len(field.name) for field in fields), default=0), _WIDEST_NAME)
    values = min(max((len(field.value) for field in fields), default=0), _WIDEST_VALUE)
    values = max(0, min(values, width - names - _LEAST_MEANING - 6))
    left = 2 + names + 2 + (values + 2 if values else 0)
    for field in fields:
        start = f"  {field.name:<{names}}  " + (f"{field.value:<{values}}  " if values else "")
        if len(start) > left or width - left < _LEAST_MEANING:
            # too wide for its column: a line of its own
            yield from _wrapped(start.strip(), width, "  ", " " * 6)
            start = " " * min(left, 8)
        yield from _wrapped(
            field.meaning + marks.get(field.source, ""), width, start, " " * len(start)
        )


def _wrapped(text: str, width: int, first: str, rest: str | None = None) -> list[str]:
    rest = first if rest is None else rest
    return wrap(
        text,
        max(width, len(first) + 20),
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def _unknown(explanation: Explanation, width: int) -> list[str]:
    count = len(explanation.unknown)
    lines = [f"not recognised: {count} line{'s' * (count != 1)}"]
    for number, line in explanation.unknown:
        shown = f"  {number}: {line}"
        lines.append(shown if len(shown) <= width else shown[: width - 1] + "…")
    return lines
