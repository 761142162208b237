"""A rehearsal as a small piece of HTML for a notebook: what was said, who died, and both measures as bars."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from memlab.model.oom_rehearsal import Rehearsed
from memlab.present.colours import LINE_COLOURS
from memlab.units import format_bytes

_MEMORY, _ADJ = LINE_COLOURS[0], LINE_COLOURS[3]
_CELL = "padding:2px 10px 2px 0;white-space:nowrap"


def rehearsal_card(told: Rehearsed) -> str:
    """Text in it is escaped; it has no script."""
    return f"<div>{''.join(_said(told))}{_table(told)}</div>"


def _said(told: Rehearsed) -> Iterator[str]:
    if told.victim is None:
        yield f"<p>Nobody died: {escape(told.line_up.grows)} takes no more ({escape(told.ended)}).</p>"
        return
    killed = ", then ".join(escape(one.name) for one in told.deaths)
    you = {True: "You were right. ", False: f"You said {escape(told.said or '')}. ", None: ""}
    yield f"<p>{you[told.learner_is_right]}<b>The kernel killed {killed}.</b></p>"
    first = " and ".join(told.forecast.first_in_line)
    yield (
        f"<p>Highest oom_score: {escape(first)}. Most RSS: {escape(told.forecast.biggest)}. "
        f"memlab, before it ran: {escape(told.forecast.victim)}.</p>"
    )


def _table(told: Rehearsed) -> str:
    ranked = [one for one in told.forecast.ranked if one.points is not None]
    worths = {
        size: [one.adj * (size // 1000) for one in ranked]
        for size in (told.line_up.limit, told.total)
    }
    used = [one.used * told.page_bytes for one in ranked]
    most = {
        size: max(max(u + max(w, 0) for u, w in zip(used, worth, strict=True)), 1)
        for size, worth in worths.items()
    }
    head = "".join(
        f'<th style="{_CELL};text-align:left">{words} (adj of {format_bytes(size)})</th>'
        for words, size in (
            ("as the kernel chose", told.line_up.limit),
            ("as oom_score measures", told.total),
        )
    )
    rows = []
    for number, one in enumerate(ranked):
        cells = "".join(
            f'<td style="{_CELL}">{_bar(used[number], worths[size][number], most[size])}</td>'
            for size in (told.line_up.limit, told.total)
        )
        mark = " †" if one.row.name in {death.name for death in told.deaths} else ""
        rows.append(f'<tr><td style="{_CELL}">{escape(one.row.name)}{mark}</td>{cells}</tr>')
    return (
        f'<table style="border-collapse:collapse"><tr><th></th>{head}</tr>{"".join(rows)}</table>'
        f'<p><span style="color:{_MEMORY}">■</span> memory, with the group full '
        f'<span style="color:{_ADJ}">■</span> what oom_score_adj is worth</p>'
    )


def _bar(used: int, worth: int, most: int) -> str:
    """Memory and adjustment one behind the other, and their sum."""
    parts = ((used + min(worth, 0), _MEMORY), (max(worth, 0), _ADJ))
    drawn = "".join(
        f'<span style="display:inline-block;height:12px;width:{220 * max(size, 0) / most:.0f}px;'
        f'background:{colour}"></span>'
        for size, colour in parts
    )
    return f"{drawn} {format_bytes(used + worth)}"
