"""A verdict as a page: for a terminal, and as one HTML file for somebody who has no memlab."""

from __future__ import annotations

from html import escape

from memlab.model.diagnosis import Diagnosis
from memlab.model.recording import Recording
from memlab.present import card
from memlab.present.card import Elsewhere
from memlab.present.growth import (
    Growth,
    forecast_figure,
    four_types_figure,
    growth_figure,
    growth_of,
    growth_text,
)
from memlab.present.page import figure_html, page
from memlab.present.text import diagnosis_text
from memlab.present.ticket import ticket_text

# of the card's parts, at the size of a page
_STYLE = card.STYLE + ".memlab-verdict { max-width: none; }"


def explain_text(diagnosis: Diagnosis, recording: Recording, elsewhere: Elsewhere) -> str:
    """The diagnosis, a picture of the growth, and where the course shows the same."""
    head, end, rest = diagnosis_text(diagnosis).rpartition("\n\n")
    lines = [head, end.strip("\n")]
    found = growth_of(recording, diagnosis)
    if found is not None:
        lines += [f"  growth of {found.where} ({found.source})", *growth_text(found), ""]
    if elsewhere.command:
        remark = f"  ({elsewhere.remark})" if elsewhere.remark else ""
        lines.append(f"  the same  {elsewhere.command}{remark}")
    if elsewhere.chapter:
        lines.append(f"  chapter   {elsewhere.chapter}, in memlab lab")
    return "\n".join([*lines, "", rest])


def explain_html(diagnosis: Diagnosis, recording: Recording, elsewhere: Elsewhere) -> str:
    """One file with all of it: opens without a network, light or dark, and prints."""
    parts = [
        f"<h1>{card.headline_html(diagnosis)}</h1>",
        card.window_html(diagnosis),
        card.summary_html(diagnosis),
        *_figures(diagnosis, recording, growth_of(recording, diagnosis)),
        _section("Where it went, to the last byte", card.ledger_html(diagnosis.attribution)),
        _section("Evidence", card.evidence_html(diagnosis)),
        _section("What was not seen", card.unseen_html(diagnosis)),
        _section("What to do next", _next(diagnosis, elsewhere)),
        _section("As a ticket", f"<pre>{escape(ticket_text(diagnosis))}</pre>"),
    ]
    name = diagnosis.target.get("comm", "?")
    title = f"{card.VERDICT_WORDS[diagnosis.verdict]}: {name}"
    return page(title, f'<main class="memlab-verdict">{"".join(parts)}</main>', _STYLE)


def _figures(diagnosis: Diagnosis, recording: Recording, found: Growth | None) -> list[str]:
    parts = []
    if found is not None:
        caption = (
            f"{found.where}: {found.source}. The triangles are the floors that the verdict rests on"
        )
        caption += "; the wedge is the interval of the rate." if found.lines else "."
        parts.append(_section("The growth", figure_html(growth_figure(found), caption)))
    types = four_types_figure(recording)
    if types is not None:
        caption = "Resident and swapped memory of the process, by the four types."
        parts.append(_section("The four memory types", figure_html(types, caption)))
    for finding in diagnosis.findings[:1]:
        ahead = forecast_figure(finding, diagnosis.observed_seconds)
        if ahead is not None and finding.forecast is not None:
            caption = f"{finding.forecast.sentence}; should it go on like this."
            parts.append(_section("How long until a limit", figure_html(ahead, caption)))
    return parts


def _next(diagnosis: Diagnosis, elsewhere: Elsewhere) -> str:
    """As on the card, but no link: the notebook is not beside the file that was sent."""
    linked = card.next_html(
        diagnosis, Elsewhere("", elsewhere.leaker, elsewhere.command, elsewhere.remark)
    )
    if not elsewhere.chapter:
        return linked
    chapter = f"<code>memlab lab</code>, then {escape(elsewhere.chapter)}"
    return linked + card.rows_html([("chapter", chapter)])


def _section(title: str, inside: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inside}</section>" if inside else ""
