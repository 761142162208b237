"""A verdict as HTML without any script: a card that unfolds, and the parts that a page is made of as well.

All that comes from a process (names of files, of programs, of users) is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from memlab.model.diagnosis import Attribution, Diagnosis, Verdict
from memlab.present.colours import VERDICT_COLOURS
from memlab.present.growth import Growth, growth_svg
from memlab.present.text import how_long, rate_words, step_words, target_text, window_text
from memlab.present.ticket import ticket_text
from memlab.units import format_bytes

VERDICT_WORDS = {
    Verdict.LEAK: "leak",
    Verdict.NOT_A_LEAK: "not a leak",
    Verdict.UNDECIDED: "undecided",
}
Rows = Iterable[tuple[str, str]]

STYLE = """
.memlab-verdict { line-height: 1.45; overflow-wrap: anywhere; max-width: 900px; }
.memlab-verdict table.memlab-rows { border-collapse: collapse; background: none; font-size: inherit; margin: 2px 0; }
.memlab-verdict table.memlab-rows tr { background: none; }
.memlab-verdict table.memlab-rows td { padding: 1px 14px 1px 0; vertical-align: top; text-align: left; border: 0;
  background: none; max-width: none; white-space: normal; }
.memlab-verdict table.memlab-rows td:first-child { white-space: nowrap; opacity: .75; }
.memlab-verdict table.memlab-rows td.memlab-bytes { text-align: right; white-space: nowrap; opacity: 1; }
.memlab-verdict table.memlab-rows tr.memlab-sum td { border-top: 1px solid currentColor; }
.memlab-verdict summary { cursor: pointer; padding: 3px 0; }
.memlab-verdict details { border-top: 1px solid rgba(128,128,128,.3); }
.memlab-verdict pre { white-space: pre-wrap; background: rgba(128,128,128,.12); padding: 8px; margin: 4px 0;
  color: inherit; }
.memlab-verdict code { background: rgba(128,128,128,.12); color: inherit; padding: 0 3px; }
.memlab-badge { color: #fff; padding: 1px 8px; border-radius: 3px; font-weight: 600; white-space: nowrap; }
.memlab-growth { width: 100%; max-width: 700px; height: auto; display: block; }
"""


@dataclass(frozen=True)
class Elsewhere:
    """Where the course shows the same: a chapter, a leaker, the command that runs it, how alike it is."""

    chapter: str = ""
    leaker: str = ""
    command: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Measured:
    """What the caller measured besides, for the top of the card: names and texts, not yet escaped."""

    rows: tuple[tuple[str, str], ...] = ()


def card_html(
    diagnosis: Diagnosis,
    growth: Growth | None = None,
    elsewhere: Elsewhere | None = None,
    measured: Measured | None = None,
) -> str:
    """Verdict, one sentence, pattern and rate; the rest unfolds by click or by key."""
    folds = [
        ("the growth, marked", growth_html(growth) if growth else ""),
        ("evidence", evidence_html(diagnosis)),
        ("where it went, to the last byte", ledger_html(diagnosis.attribution)),
        ("what to do next", next_html(diagnosis, elsewhere)),
        ("what was not seen", unseen_html(diagnosis)),
        ("a ticket to copy", f"<pre>{escape(ticket_text(diagnosis))}</pre>"),
    ]
    unfolding = "".join(
        f"<details><summary>{name}</summary>{inside}</details>" for name, inside in folds if inside
    )
    top = rows_html((name, escape(text)) for name, text in measured.rows) if measured else ""
    return (
        f'<div class="memlab-verdict"><style>{STYLE}</style>{headline_html(diagnosis)}'
        f"{summary_html(diagnosis)}{top}{unfolding}{window_html(diagnosis)}</div>"
    )


def headline_html(diagnosis: Diagnosis) -> str:
    """The verdict in its colour, and its one sentence."""
    colour = VERDICT_COLOURS[diagnosis.verdict]
    return (
        f'<div style="margin:4px 0"><span class="memlab-badge" style="background:{colour}">'
        f"{VERDICT_WORDS[diagnosis.verdict]}</span> {escape(diagnosis.why)}</div>"
    )


def summary_html(diagnosis: Diagnosis) -> str:
    """Pattern, place, rate and limit of each finding; what would decide it where it is open."""
    rows: list[tuple[str, str]] = []
    for finding in diagnosis.findings:
        rows += [
            ("pattern", f"<b>{escape(finding.pattern_words)}</b>"),
            ("where", escape(finding.where)),
            ("rate", escape(rate_words(finding))),
        ]
        if finding.step is not None:
            rows.append(("steps", step_words(finding.step)))
        if finding.forecast is not None:
            rows.append(("forecast", escape(finding.forecast.sentence)))
    if diagnosis.decide:
        rows.append(("to decide", escape(diagnosis.decide)))
    return rows_html(rows, repeat=True)


def growth_html(growth: Growth) -> str:
    """The picture, and what is what in it."""
    red = "; the red dots are its floors" + (
        ", the red wedge the interval of the rate" if growth.lines else ""
    )
    return f"{growth_svg(growth)}<div>{escape(growth.where)}: {escape(growth.source)}{red}</div>"


def evidence_html(diagnosis: Diagnosis) -> str:
    """In sentences: of the findings, of the mappings by themselves, and of what was handed in."""
    rows = [("evidence", escape(text)) for one in diagnosis.findings for text in one.evidence]
    rows += [("standing", escape(sentence)) for sentence in diagnosis.standing]
    rows += [("read", escape(sentence)) for sentence in diagnosis.sources]
    return rows_html(rows)


def ledger_html(found: Attribution | None) -> str:
    """What grew, part by part, the residual, and the sum of them."""
    if found is None:
        return ""
    parts = [(share.bytes, share.label, share.source) for share in found.shares]
    parts.append((found.residual_bytes, "explained by none of these", ""))
    lines = [
        f'<tr><td class="memlab-bytes">{format_bytes(size)}</td><td>{escape(label)}</td>'
        f"<td>{escape(source)}</td></tr>"
        for size, label, source in parts
    ]
    lines.append(
        f'<tr class="memlab-sum"><td class="memlab-bytes"><b>{format_bytes(found.bytes)}</b></td>'
        f'<td colspan="2"><b>{escape(found.whole)}</b></td></tr>'
    )
    return f'<table class="memlab-rows">{"".join(lines)}</table>'


def next_html(diagnosis: Diagnosis, elsewhere: Elsewhere | None) -> str:
    """The commands to type, and where the course shows the same."""
    rows = [("next", f"<code>{escape(finding.next)}</code>") for finding in diagnosis.findings]
    if elsewhere is not None and elsewhere.command:
        remark = f" ({escape(elsewhere.remark)})" if elsewhere.remark else ""
        rows.append(("the same", f"<code>{escape(elsewhere.command)}</code>{remark}"))
    if elsewhere is not None and elsewhere.chapter:
        name = escape(elsewhere.chapter)
        rows.append(("chapter", f'<a href="{name}">{name}</a> (<code>memlab lab</code>)'))
    return rows_html(rows)


def unseen_html(diagnosis: Diagnosis) -> str:
    """What could not be looked at, and what else is worth knowing."""
    rows = [("not seen", escape(sentence)) for sentence in diagnosis.not_seen]
    return rows_html([*rows, *(("note", escape(sentence)) for sentence in diagnosis.notes)])


def window_html(diagnosis: Diagnosis) -> str:
    """Whose verdict it is, over which window, and what the looking cost."""
    whose = f"{target_text(diagnosis.target)}, {how_long(diagnosis)}. {window_text(diagnosis)}"
    return f'<div style="opacity:.75;padding-top:4px">{escape(whose)}</div>'


def rows_html(rows: Rows | Sequence[tuple[str, str]], *, repeat: bool = False) -> str:
    """Name and HTML a row; a name is not repeated unless told to. "" without rows."""
    lines, before = [], None
    for name, text in rows:
        shown = "" if name == before and not repeat else escape(name)
        lines.append(f"<tr><td>{shown}</td><td>{text}</td></tr>")
        before = name
    return f'<table class="memlab-rows">{"".join(lines)}</table>' if lines else ""
