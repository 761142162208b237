"""What was found out, beside what the leaker says that it did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from memlab.diagnose import diagnose
from memlab.model.diagnosis import Diagnosis, Finding, Verdict
from memlab.model.recording import Recording
from memlab.observe.live import LiveRecorder
from memlab.present.colours import VERDICT_COLOURS
from memlab.units import KIB, format_amount, format_amount_rate, format_bytes, format_seconds

_WORDS = {
    Verdict.LEAK: "leak",
    Verdict.NOT_A_LEAK: "not a leak",
    Verdict.UNDECIDED: "undecided",
}
_TABLE = "border-collapse:collapse;line-height:1.45"
_CELL = 'style="padding:1px 12px 1px 0;vertical-align:top"'
_BOX = "flex:1 1 380px;min-width:0;overflow-wrap:anywhere"


class VerdictView(widgets.HTML):  # type: ignore[misc]
    """The diagnosis of a recorder or a recording, and the leaker's ledger where there is one."""

    def __init__(self, source: LiveRecorder | Recording | None = None) -> None:
        super().__init__(layout=widgets.Layout(width="100%"))
        self._source = source
        if source is not None:
            self.judge()

    def judge(self, events: Sequence[Mapping[str, Any]] = ()) -> Diagnosis:
        """Diagnose what the source holds now, and show it."""
        if self._source is None:
            raise ValueError("this view has no recorder: call show(diagnosis) instead")
        recording = self._source if isinstance(self._source, Recording) else self._source.recording
        diagnosis = diagnose(recording)
        self.show(diagnosis, events)
        return diagnosis

    def show(self, diagnosis: Diagnosis, events: Sequence[Mapping[str, Any]] = ()) -> None:
        """Show a diagnosis, beside what the leaker said (`Experiment.events`)."""
        parts = [f'<div style="{_BOX}">{diagnosis_html(diagnosis)}</div>']
        if events:
            parts.append(f'<div style="{_BOX}">{ledger_html(events)}</div>')
        self.value = (
            '<div style="display:flex;flex-wrap:wrap;gap:24px;font-size:13px">'
            + "".join(parts)
            + "</div>"
        )

    def clear(self) -> None:
        """Show nothing."""
        self.value = ""


def diagnosis_html(diagnosis: Diagnosis) -> str:
    """Verdict, findings with their evidence, and what was not seen; all text escaped."""
    colour = VERDICT_COLOURS[diagnosis.verdict]
    lines = [
        "<b>What memlab sees</b>",
        f'<div style="margin:4px 0"><span style="background:{colour};color:#fff;padding:1px 8px;'
        f'border-radius:3px;font-weight:600">{_WORDS[diagnosis.verdict]}</span> '
        f"{escape(diagnosis.why)}</div>",
    ]
    lines += [_finding_html(finding) for finding in diagnosis.findings]
    rest = [("to decide", diagnosis.decide)] if diagnosis.decide else []
    rest += [("not seen", sentence) for sentence in diagnosis.not_seen]
    rest += [("note", sentence) for sentence in diagnosis.notes]
    if rest:
        lines.append(_rows((name, escape(text)) for name, text in rest))
    seconds = format_seconds(diagnosis.observed_seconds)
    lines.append(f'<div style="opacity:.75">observed for {seconds}; about this window only</div>')
    return "".join(lines)


def _finding_html(finding: Finding) -> str:
    (low, high), unit = finding.bytes_per_second_interval, finding.unit
    rows = [
        ("pattern", f"<b>{escape(finding.pattern_words)}</b>"),
        ("where", escape(finding.where)),
        (
            "rate",
            f"{format_amount_rate(finding.bytes_per_second, unit)} ({escape(finding.basis)}; "
            f"{format_amount_rate(low, unit)} to {format_amount_rate(high, unit)}), "
            f"{format_amount(finding.bytes, unit)} so far",
        ),
    ]
    if finding.step is not None:
        period = format_seconds(finding.step.period_seconds)
        rows.append(("steps", f"{finding.step.bytes // KIB:,} kB every {period}"))
    rows += [("evidence", escape(sentence)) for sentence in finding.evidence]
    if finding.forecast is not None:
        rows.append(("forecast", escape(finding.forecast.sentence)))
    rows.append(("next", f"<code>{escape(finding.next)}</code>"))
    return _rows(rows)


def ledger_html(events: Sequence[Mapping[str, Any]]) -> str:
    """The leaker's own account: its last ledger line, and why it holds if it does."""
    last = {event["event"]: event for event in events if "event" in event}
    ready, ledger = last.get("ready", {}), last.get("ledger")
    rows = []
    if ready:
        kind = "the look-alike that frees" if ready.get("control") else "the leak"
        rows.append(("program", f"{escape(str(ready.get('name')))} ({kind})"))
        rows.append(("pattern", f"<b>{escape(str(ready.get('pattern')))}</b>"))
    if ledger is None:
        rows.append(("leaked", "nothing yet"))
    else:
        rows.append(("leaked", f"{format_bytes(ledger['leaked_bytes'])} (payload)"))
        rows.append(("touched", format_bytes(ledger["touched_bytes"])))
        rows.append(("count", f"{ledger['count']:,}"))
        rows.append(("site", f"<code>{escape(str(ledger['site']))}</code>"))
    if "hold" in last:
        rows.append(("holds", escape(str(last["hold"].get("reason")))))
    return "<b>What the leaker says it did</b>" + _rows(rows)


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    """Name and HTML a row; a name is not repeated."""
    lines, before = [], None
    for name, text in rows:
        shown = "" if name == before else name
        lines.append(
            f'<tr><td {_CELL}><span style="opacity:.75;white-space:nowrap">{shown}</span></td>'
        )
        lines.append(f"<td {_CELL}>{text}</td></tr>")
        before = name
    return f'<table style="{_TABLE}">' + "".join(lines) + "</table>"
