"""A leak beside a control: another watch of the same program, without what is suspected.

What grows in both is not what makes them differ. A rate counts as larger where the two intervals do
not overlap; each holds the middle 95 % of the slopes, so that noise passes for a difference in 5 % at most.
"""

from __future__ import annotations

from dataclasses import replace

from memlab.model.diagnosis import Diagnosis, Finding, Verdict, Why
from memlab.units import format_amount_rate


def beside(found: Diagnosis, control: Diagnosis) -> Diagnosis:
    """The first diagnosis without those findings that the control has as well, and as fast.

    A finding that stays says what the control did. Of a control that is undecided nothing is taken away,
    and that is noted.
    """
    comm = control.target.get("comm", "?")
    if control.verdict is Verdict.UNDECIDED:
        note = f"the control ({comm}) is undecided and takes nothing away: {control.why}"
        return replace(found, notes=(*found.notes, note))
    if found.verdict is not Verdict.LEAK:
        return found
    kept = tuple(
        _told(finding, other)
        for finding in found.findings
        if _is_faster(finding, other := _same(finding, control))
    )
    gone = len(found.findings) - len(kept)
    note = f"{gone} of {len(found.findings)} growths were as fast in the control ({comm})"
    if kept:
        notes = (*found.notes, note) if gone else found.notes
        return replace(found, findings=kept, notes=notes)
    why = f"flat: beside the control ({comm}) nothing grew faster; {found.findings[0].where} grew in both"
    return replace(found, verdict=Verdict.NOT_A_LEAK, reason=Why.FLAT, why=why, findings=())


def _same(finding: Finding, control: Diagnosis) -> Finding | None:
    """The control's finding of the same kind of memory."""
    for other in control.findings:
        if (other.candidates, other.basis) == (finding.candidates, finding.basis):
            return other
    return None


def _is_faster(finding: Finding, other: Finding | None) -> bool:
    return (
        other is None or finding.bytes_per_second_interval[0] > other.bytes_per_second_interval[1]
    )


def _told(finding: Finding, other: Finding | None) -> Finding:
    if other is None:
        sentence = "the control does not grow here"
    else:
        difference = finding.bytes_per_second - other.bytes_per_second
        sentence = (
            f"the control grows here by {format_amount_rate(other.bytes_per_second, finding.unit)}:"
            f" {format_amount_rate(difference, finding.unit)} less"
        )
    return replace(finding, evidence=(*finding.evidence, sentence))
