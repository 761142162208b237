"""A verdict in eight lines, for a chat or an issue: plain text, no line longer than 100 columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from textwrap import shorten, wrap

from memlab.model.diagnosis import Diagnosis, Finding
from memlab.present.text import headline, rate_words, step_words, target_text
from memlab.units import YEAR, format_bytes, format_seconds

LINES, COLUMNS = 8, 100


def ticket_text(diagnosis: Diagnosis) -> str:
    """What somebody must know who was not there: verdict, whose, where, how fast, until when, what next."""
    target = diagnosis.target
    lines = [
        headline(diagnosis),
        f"process: {target_text(target)}, {_watched(diagnosis)}",
    ]
    if diagnosis.findings:
        lines += _finding_lines(diagnosis.findings[0], diagnosis.findings[1:])
    if diagnosis.attribution is not None:
        found = diagnosis.attribution
        first = "".join(f"{format_bytes(s.bytes)} {s.label}, " for s in found.shares[:2])
        lines.append(
            f"adds up: {format_bytes(found.bytes)} = {first}unexplained {format_bytes(found.residual_bytes)}"
            if len(found.shares) <= 2
            else f"adds up: {format_bytes(found.bytes)}, of it {first}unexplained "
            f"{format_bytes(found.residual_bytes)}"
        )
    if diagnosis.decide:
        lines.append(f"to decide: {diagnosis.decide}")
    if diagnosis.not_seen:
        lines.append(f"not seen: {diagnosis.not_seen[0]}")
    return "\n".join(_fitted([_plain(line) for line in lines[:LINES]]))


def _watched(diagnosis: Diagnosis) -> str:
    how_long = format_seconds(diagnosis.observed_seconds)
    if diagnosis.untimed_looks:
        return f"seen {diagnosis.untimed_looks:,} times, when is not known"
    if (
        diagnosis.sources and not diagnosis.cost.cpu_seconds
    ):  # by others: pasted texts, joined captures
        return f"seen for {how_long}" if diagnosis.observed_seconds else "seen once"
    return f"watched for {how_long} by memlab, from /proc only"


def _fitted(lines: list[str]) -> list[str]:
    """What is too long goes on in a second line while there is room for one, and is cut otherwise."""
    room, fitted = LINES - len(lines), list[str]()
    for line in lines:
        folded = wrap(line, COLUMNS, subsequent_indent="  ")
        if len(folded) > 1 and room:
            room -= 1
            fitted += [
                folded[0],
                "  " + shorten(" ".join(folded[1:]), COLUMNS - 2, placeholder=" …"),
            ]
        else:
            fitted.append(shorten(line, COLUMNS, placeholder=" …") if len(folded) > 1 else line)
    return fitted


def _finding_lines(finding: Finding, others: Sequence[Finding]) -> list[str]:
    more = "".join(f"; and {other.pattern_words}, {rate_words(other)}" for other in others[:1])
    if len(others) > 1:
        more += f", and {len(others) - 1} more"
    steps = f", {step_words(finding.step)}" if finding.step else ""
    lines = [
        f"pattern: {finding.pattern_words}, in {finding.where}{more}",
        f"rate: {rate_words(finding)}{steps}",
    ]
    if finding.forecast is not None:
        line = f"forecast: {finding.forecast.sentence}"
        if (
            len(line) > COLUMNS and finding.forecast.seconds <= YEAR
        ):  # when comes first: a limit may have a long name
            until, limit = format_seconds(finding.forecast.seconds), finding.forecast.limit
            line = f"forecast: in {until} at this rate {limit} is used up"
        lines.append(line)
    return [*lines, f"next: {finding.next}"]


def _plain(text: str) -> str:
    """One line whatever a name holds: no control character."""
    return "".join(" " if unicodedata.category(sign).startswith("C") else sign for sign in text)
