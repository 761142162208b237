"""Watch rounds of a call, and say what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memlab.errors import Refused
from memlab.model.diagnosis import Verdict
from memlab.pytest_plugin.report import failure_text, line_text, undecided_text
from memlab.rounds.watching import FEWEST_ROUNDS, watch_rounds


@dataclass(frozen=True)
class Checked:
    """What a check says: `line` for the summary, `undecided` and `failure` where it is so, else ""."""

    line: str
    undecided: str = ""
    failure: str = ""


def check(
    call: Callable[[], object], test: str, *, rounds: int, warm_up: int, collect: bool
) -> Checked:
    """`watch_rounds`, in words; `test` is pytest's name of who asks. Raises Refused for numbers that make no sense."""
    for name, value, least in (("rounds", rounds, FEWEST_ROUNDS), ("warm_up", warm_up, 0)):
        if not isinstance(value, int) or value < least:
            raise Refused(f"{name}={value!r}", f"write a whole number, at least {least}")
    windows = watch_rounds(call, rounds, warm_up=warm_up, collect=collect)
    line, verdict = line_text(windows), windows[-1].diagnosis.verdict
    if verdict is Verdict.LEAK:
        return Checked(line, failure=failure_text(windows, test))
    if verdict is Verdict.UNDECIDED:
        return Checked(line, undecided=undecided_text(windows))
    return Checked(line)
