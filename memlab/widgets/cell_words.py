"""What came of a cell that was run in rounds: for the card's top, in words."""

from __future__ import annotations

from dataclasses import replace

from memlab.model.diagnosis import Diagnosis, Finding, Forecast, Verdict
from memlab.model.memory import FOUR_TYPES
from memlab.model.recording import Recording
from memlab.rounds.one import Round
from memlab.rounds.watching import Seen
from memlab.units import format_amount, format_bytes, format_seconds

Rows = tuple[tuple[str, str], ...]


def round_rows(first: Round) -> Rows:
    """Cost, peak and what was kept of the first run."""
    peak = (
        "not known: this kernel does not let us lower VmHWM"
        if first.peak_bytes is None
        else f"{format_bytes(first.peak_bytes)} above what was resident before"
    )
    return (
        (
            "cost",
            f"{format_seconds(first.seconds)}, {first.cpu_seconds:.2f} s of CPU, "
            f"{first.minor_faults:,} minor and {first.major_faults:,} major faults",
        ),
        ("peak", peak),
        ("kept", f"{_kept(first.recording)} (after the first run and gc.collect())"),
    )


def repeat_rows(windows: list[Seen]) -> Rows:
    """What each repeat left, and how little would not have been seen."""
    last = windows[-1]
    rows = [
        ("repeats", f"{sum(seen.rounds for seen in windows)}, in {_count(len(windows), 'window')}")
    ]
    rows += [
        (
            "each repeat",
            f"keeps {_a_round(finding.bytes, last.rounds, finding.unit)}: {finding.where}",
        )
        for finding in last.diagnosis.findings
    ]
    least = ", ".join(_a_round(size, last.rounds, unit) for unit, size in last.least.items())
    return (
        *rows,
        ("not seen", f"less than {least} a repeat would not show in {last.rounds} of them"),
    )


def in_repeats(seen: Seen) -> Diagnosis:
    """The diagnosis with forecasts in repeats: how fast they come is the loop's own matter, not the program's."""
    findings = tuple(
        finding
        if finding.forecast is None
        else replace(finding, forecast=_ahead(finding, finding.forecast, seen.rounds))
        for finding in seen.diagnosis.findings
    )
    return replace(seen.diagnosis, findings=findings)


def _ahead(finding: Finding, ahead: Forecast, rounds: int) -> Forecast | None:
    if finding.bytes <= 0:
        return None
    left = ahead.limit_bytes * rounds / finding.bytes
    room = format_amount(ahead.limit_bytes, finding.unit)
    said = f"after {_rounded(left):,} more repeats {ahead.limit} is used up ({room} left)"
    return replace(ahead, sentence=said)


def _rounded(number: float) -> int:
    """To two digits: no more is known."""
    digits = max(0, len(str(int(number))) - 2)
    return int(round(number, -digits))


def once(first: Round, why: str, decide: str) -> Diagnosis:
    """The verdict about a cell that ran once: there is none yet."""
    return Diagnosis(
        dict(first.recording.header.target),
        round(first.seconds, 3),
        Verdict.UNDECIDED,
        why,
        decide=decide,
    )


def _kept(recording: Recording) -> str:
    before, after = recording.samples[0].regions, recording.samples[-1].regions
    if before is None or after is None:
        return "not known: smaps was not read"
    changes = [
        f"{kind.label} {format_bytes(after.bytes_by_type[kind] - before.bytes_by_type[kind])}"
        for kind in FOUR_TYPES
    ]
    return ", ".join(changes)


def _a_round(amount: float, rounds: int, unit: str) -> str:
    each = amount / rounds
    return format_amount(each, unit) if unit == "bytes" else f"{each:.3g} {unit}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
