"""What a check says, in rounds: a round of a test is what its author can count, a second is not."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from memlab.model.diagnosis import Finding
from memlab.units import format_amount, format_seconds

if TYPE_CHECKING:
    from memlab.rounds.watching import Seen


def failure_text(windows: Sequence[Seen], test: str) -> str:
    """The findings of the last window, as `memlab diagnose` words them, and what the one before says to it."""
    last, before = windows[-1], windows[-2]
    first = last.diagnosis.findings[0]
    lines = [
        f"no_leak: LEAK: {first.where.partition(' ')[0] if first.where.startswith('[') else first.where}"
        f" grew by {format_amount(first.bytes, first.unit)} in {last.rounds} rounds and gave nothing back"
    ]
    for finding in last.diagnosis.findings:
        lines += ["", *_finding_lines(finding, last, test)]
    was = ", ".join(
        f"{finding.pattern_words} by {format_amount(finding.bytes, finding.unit)}"
        for finding in before.diagnosis.findings
    )
    lines += ["", f"  before    in the {before.rounds} rounds before: {was}"]
    lines += [f"  not seen  {sentence}" for sentence in _not_seen(last)]
    lines += [f"  note      {sentence}" for sentence in last.diagnosis.notes]
    return "\n".join(lines)


def line_text(windows: Sequence[Seen]) -> str:
    """One line: rounds, verdict, and what would not have been seen."""
    last = windows[-1]
    diagnosis, rounds = last.diagnosis, sum(seen.rounds for seen in windows)
    seconds = sum(seen.diagnosis.observed_seconds for seen in windows)
    verdict = diagnosis.reason or diagnosis.verdict
    return f"{verdict}, {rounds} rounds in {format_seconds(seconds)}; {'; '.join(_not_seen(last))}"


def undecided_text(windows: Sequence[Seen]) -> str:
    """Why it could not be decided, and what would."""
    last = windows[-1]
    return (
        f"no_leak could not decide in {sum(seen.rounds for seen in windows)} rounds: {last.diagnosis.why};"
        f" write rounds={4 * last.rounds}, or a longer warm_up"
    )


def _finding_lines(finding: Finding, seen: Seen, test: str) -> Iterator[str]:
    unit, rounds = finding.unit, seen.rounds
    yield f"  pattern   {finding.pattern_words}"
    yield f"  where     {finding.where}"
    yield (
        f"  rate      {_a_round(finding.bytes / rounds, unit)} ({finding.basis}), "
        f"{format_amount(finding.bytes, unit)} in {rounds} rounds"
    )
    yield from (f"  evidence  {sentence}" for sentence in finding.evidence)
    yield f"  next      {_next(finding.next, seen.diagnosis.target['pid'], test)}"


def _a_round(amount: float, unit: str) -> str:
    """3932.2 bytes -> '3.84 KiB a round'; 0.5 descriptors -> '0.5 descriptors a round'."""
    return f"{format_amount(amount, unit) if unit == 'bytes' else f'{amount:.3g} {unit}'} a round"


def _next(command: str, pid: int, test: str) -> str:
    """The next command, with the test run in place of a process that will have ended by then."""
    run = f"python -m pytest {shlex.quote(test)}"
    command = re.sub(
        r"memray attach (.*) --duration \d+ (.*) \d+; sleep \d+",
        r"memray run \1 \2 -m pytest TEST",
        command,
    )
    command = command.replace("-m pytest TEST", f"-m pytest {shlex.quote(test)}")
    parts = [part.replace(f"-p {pid}", run) for part in command.split("; ")]
    return "; ".join(part for part in parts if str(pid) not in part) or run


def _not_seen(seen: Seen) -> Iterator[str]:
    """What is too small for this window: three grains of an account, in rounds; and what was not looked at."""
    small = [_a_round(amount / seen.rounds, unit) for unit, amount in seen.least.items()]
    yield f"less than {', '.join(small)} would not have been seen"
    yield from seen.diagnosis.not_seen
