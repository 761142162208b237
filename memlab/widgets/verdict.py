"""What was found out, as a card that unfolds, beside what the leaker says that it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from memlab.diagnose import diagnose
from memlab.lab.elsewhere import elsewhere
from memlab.model.diagnosis import Diagnosis
from memlab.model.recording import Recording
from memlab.observe.live import LiveRecorder
from memlab.present.card import card_html, rows_html
from memlab.present.growth import growth_of
from memlab.units import format_bytes

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
        self.show(diagnosis, events, recording)
        return diagnosis

    def show(
        self,
        diagnosis: Diagnosis,
        events: Sequence[Mapping[str, Any]] = (),
        recording: Recording | None = None,
    ) -> None:
        """Show a diagnosis, beside what the leaker said (`Experiment.events`); with its recording the growth too."""
        card = card_html(
            diagnosis,
            growth_of(recording, diagnosis) if recording is not None else None,
            elsewhere(diagnosis),
        )
        parts = [f'<div style="{_BOX}"><b>What memlab sees</b>{card}</div>']
        if events:
            parts.append(f'<div style="{_BOX}" class="memlab-verdict">{ledger_html(events)}</div>')
        self.value = (
            '<div style="display:flex;flex-wrap:wrap;gap:24px;font-size:13px">'
            + "".join(parts)
            + "</div>"
        )

    def clear(self) -> None:
        """Show nothing."""
        self.value = ""


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
    return "<b>What the leaker says it did</b>" + rows_html(rows)
