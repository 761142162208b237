"""A leak beside a control: another watch of the same program, without what is suspected.

What grows in both is not what makes them differ. A rate counts as larger where the two intervals do
not overlap; each holds the middle 95 % of the slopes, so that noise passes for a difference in 5 % at most.
"""

from __future__ import annotations

from dataclasses import replace

from memlab.model.diagnosis import Diagnosis, Finding, Verdict, Why
from memlab.units import format_amount, format_amount_rate

TURNED = "name the control as TARGET, and this one as --control"


def beside(found: Diagnosis, control: Diagnosis, turned: str = TURNED) -> Diagnosis:
    """The first diagnosis without those findings that the control has as well, and as fast.

    A finding that stays says what the control did. Of a control that is undecided nothing is taken away,
    and that is noted; so is a control that leaks by itself, for it may be the one that is meant. `turned` says how to
    turn the two round.
    """
    compared = _beside(found, control)
    if control.verdict is not Verdict.LEAK or compared.verdict is Verdict.LEAK:
        return compared
    comm = control.target.get("comm", "?")
    note = (
        f"the control ({comm}) leaks by itself: {control.why}; if that is the one that is suspected, the two are"
        f" reversed: {turned}"
    )
    if found.verdict is Verdict.LEAK:
        note += "; if both have what is suspected, it is no control, and each leaks: judge each by itself"
    return replace(compared, notes=(*compared.notes, note))


def _beside(found: Diagnosis, control: Diagnosis) -> Diagnosis:
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
    """Whether its slowest rate is above the control's fastest; without times how much it grew by decides."""
    if other is None:
        return True
    own, its = finding.bytes_per_second_interval, other.bytes_per_second_interval
    return finding.bytes > other.bytes if own is None or its is None else own[0] > its[1]


def _told(finding: Finding, other: Finding | None) -> Finding:
    if other is None:
        sentence = "the control does not grow here"
    elif finding.bytes_per_second is None or other.bytes_per_second is None:
        sentence = f"the control grows here by {format_amount(other.bytes, finding.unit)}, at a rate that is not known"
    else:
        difference = finding.bytes_per_second - other.bytes_per_second
        sentence = (
            f"the control grows here by {format_amount_rate(other.bytes_per_second, finding.unit)}:"
            f" {format_amount_rate(difference, finding.unit)} less"
        )
    return replace(finding, evidence=(*finding.evidence, sentence))
