"""A diagnosis as text for a terminal, and small tables for notebooks."""

from __future__ import annotations

from typing import Any

from memlab.model.diagnosis import Attribution, Cost, Diagnosis, Finding, Step, Verdict
from memlab.model.memory import FOUR_TYPES
from memlab.model.sample import Sample
from memlab.units import KIB, format_amount, format_amount_rate, format_bytes, format_seconds

_HEADLINE = {
    Verdict.LEAK: "LEAK",
    Verdict.NOT_A_LEAK: "NOT A LEAK",
    Verdict.UNDECIDED: "UNDECIDED",
}


def headline(diagnosis: Diagnosis) -> str:
    """The verdict and why, in one line: as it begins wherever it is told."""
    return f"{_HEADLINE[diagnosis.verdict]}: {diagnosis.why}"


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """The whole diagnosis, a screenful."""
    target = diagnosis.target
    lines = [
        headline(diagnosis),
        f"  target    {target_text(target)}, {how_long(diagnosis)}",
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
    lines += ["", f"  {window_text(diagnosis)}"]
    return "\n".join(lines)


def how_long(diagnosis: Diagnosis) -> str:
    """The time it was observed for, or that it was looked at once."""
    observed = diagnosis.observed_seconds
    if diagnosis.untimed_looks:
        return f"{diagnosis.untimed_looks:,} looks, at times that are not known"
    once = not observed and (diagnosis.sources or diagnosis.cost.instants == 1)
    return "one look" if once else f"observed for {format_seconds(observed)}"


def window_text(diagnosis: Diagnosis) -> str:
    """What the verdict is about, and what it cost where something was looked at and not read from a text."""
    about = "the verdict is about this window only"
    if diagnosis.untimed_looks:
        about = "the verdict is about these looks only; how fast it grows nobody can tell without their times"
    elif not diagnosis.observed_seconds and diagnosis.sources:
        about = "one look shows what is there, not what grows"
    return f"{cost_text(diagnosis.cost)}; {about}" if diagnosis.cost.cpu_seconds else about


def target_text(target: dict[str, Any]) -> str:
    """The machine, or the process as far as it is known."""
    if "machine" in target:
        return f"the machine {target['machine']}"
    tree = " and its descendants, as one" if target.get("tree") else ""
    comm, pid = target.get("comm", "?"), target.get("pid", "?")
    if pid == 0:  # pasted texts that do not say it
        return "not named in what was handed in" if comm == "?" else f"{comm} (its pid is not said)"
    if comm == "?":
        return f"pid {pid}{tree}"
    return f"{comm} (pid {pid}){tree}"


def cost_text(cost: Cost) -> str:
    """What the looking took, as every view that goes on says it."""
    return (
        f"looking cost {cost.cpu_seconds:.2f} s of CPU, {cost.core_share:.2%} of a core, "
        f"for {cost.instants} instant{'' if cost.instants == 1 else 's'}"
    )


def attribution_lines(attribution: Attribution) -> list[str]:
    """Whose growth it was, to the last byte."""
    rows = [(share.bytes, f"{share.label} ({share.source})") for share in attribution.shares]
    rows.append((attribution.residual_bytes, "explained by none of these"))
    lines = [f"  growth    {format_bytes(attribution.bytes):>12}  {attribution.whole}, of which"]
    return lines + [f"            {format_bytes(size):>12}  {label}" for size, label in rows]


def finding_lines(finding: Finding) -> list[str]:
    """One finding, as indented lines."""
    lines = [
        f"  pattern   {finding.pattern_words}",
        f"  where     {finding.where}",
        f"  rate      {rate_words(finding)}",
    ]
    if finding.step:
        lines.append(f"  steps     {step_words(finding.step)}")
    lines += [f"  evidence  {sentence}" for sentence in finding.evidence]
    if finding.forecast:
        lines.append(f"  forecast  {finding.forecast.sentence}")
    lines.append(f"  next      {finding.next}")
    return lines


def rate_words(finding: Finding) -> str:
    """'2.0 MiB/s (resident; 1.9 MiB/s to 2.1 MiB/s), 30 MiB so far'; without a rate where it is not known."""
    so_far = f"{format_amount(finding.bytes, finding.unit)} so far"
    if finding.bytes_per_second is None or finding.bytes_per_second_interval is None:
        return f"not known ({finding.basis}), {so_far}"
    low, high = (format_amount_rate(one, finding.unit) for one in finding.bytes_per_second_interval)
    rate = format_amount_rate(finding.bytes_per_second, finding.unit)
    return f"{rate} ({finding.basis}; {low} to {high}), {so_far}"


def step_words(step: Step) -> str:
    """'10,244 kB every 1 min'."""
    return f"{step.bytes // KIB:,} kB every {format_seconds(step.period_seconds)}"


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
