"""A diagnosis as text for a terminal, and small tables for notebooks."""

from __future__ import annotations

from typing import Any

from memlab.model.diagnosis import Attribution, Cost, Diagnosis, Finding, Verdict
from memlab.model.memory import FOUR_TYPES
from memlab.model.sample import Sample
from memlab.units import KIB, format_amount, format_amount_rate, format_bytes, format_seconds

_HEADLINE = {
    Verdict.LEAK: "LEAK",
    Verdict.NOT_A_LEAK: "NOT A LEAK",
    Verdict.UNDECIDED: "UNDECIDED",
}


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """The whole diagnosis, a screenful."""
    target = diagnosis.target
    lines = [
        f"{_HEADLINE[diagnosis.verdict]}: {diagnosis.why}",
        f"  target    {_target_text(target)}, observed for {format_seconds(diagnosis.observed_seconds)}",
    ]
    lines += [f"  read      {sentence}" for sentence in diagnosis.sources]
    for finding in diagnosis.findings:
        lines += ["", *finding_lines(finding)]
    if diagnosis.attribution is not None:
        lines += ["", *attribution_lines(diagnosis.attribution)]
    lines += [f"  standing  {sentence}" for sentence in diagnosis.standing]
    if diagnosis.decide:
        lines.append(f"  to decide {diagnosis.decide}")
    lines += [f"  not seen  {sentence}" for sentence in diagnosis.not_seen]
    lines += [f"  note      {sentence}" for sentence in diagnosis.notes]
    lines += ["", f"  {cost_text(diagnosis.cost)}; the verdict is about this window only"]
    return "\n".join(lines)


def _target_text(target: dict[str, Any]) -> str:
    if "machine" in target:
        return f"the machine {target['machine']}"
    tree = " and its descendants, as one" if target.get("tree") else ""
    return f"{target.get('comm', '?')} (pid {target.get('pid', '?')}){tree}"


def cost_text(cost: Cost) -> str:
    """What the looking took, as every view that goes on says it."""
    return (
        f"looking cost {cost.cpu_seconds:.2f} s of CPU, {cost.core_share:.2%} of a core, "
        f"for {cost.instants} instants"
    )


def attribution_lines(attribution: Attribution) -> list[str]:
    """Whose growth it was, to the last byte."""
    rows = [(share.bytes, f"{share.label} ({share.source})") for share in attribution.shares]
    rows.append((attribution.residual_bytes, "explained by none of these"))
    lines = [f"  growth    {format_bytes(attribution.bytes):>12}  {attribution.whole}, of which"]
    return lines + [f"            {format_bytes(size):>12}  {label}" for size, label in rows]


def finding_lines(finding: Finding) -> list[str]:
    """One finding, as indented lines."""
    (low, high), unit = finding.bytes_per_second_interval, finding.unit
    lines = [
        f"  pattern   {finding.pattern_words}",
        f"  where     {finding.where}",
        f"  rate      {format_amount_rate(finding.bytes_per_second, unit)} ({finding.basis}; "
        f"{format_amount_rate(low, unit)} to {format_amount_rate(high, unit)}), "
        f"{format_amount(finding.bytes, unit)} so far",
    ]
    if finding.step:
        lines.append(
            f"  steps     {finding.step.bytes // KIB:,} kB every {format_seconds(finding.step.period_seconds)}"
        )
    lines += [f"  evidence  {sentence}" for sentence in finding.evidence]
    if finding.forecast:
        lines.append(f"  forecast  {finding.forecast.sentence}")
    lines.append(f"  next      {finding.next}")
    return lines


def types_change_text(before: Sample, after: Sample) -> str:
    """The four types at two instants and the change between them, as a small table."""
    assert before.regions is not None and after.regions is not None
    was, now = before.regions.bytes_by_type, after.regions.bytes_by_type
    lines = [f"{'memory type':<20}{'before':>12}{'after':>12}{'change':>12}"]
    lines += [
        f"{kind.label:<20}{format_bytes(was[kind]):>12}{format_bytes(now[kind]):>12}"
        f"{format_bytes(now[kind] - was[kind]):>12}"
        for kind in FOUR_TYPES
    ]
    return "\n".join(lines)


def mapping_text(sample: Sample, name: str) -> str:
    """The kernel's own lines about one mapping in smaps, by its name ("[heap]")."""
    text = sample.texts.files[f"/proc/{sample.pid}/smaps"].decode(errors="replace")
    lines = text.splitlines()
    first = next(n for n, line in enumerate(lines) if line.endswith(" " + name))
    last = next(n for n in range(first, len(lines)) if lines[n].startswith("VmFlags"))
    return "\n".join(lines[first : last + 1])
