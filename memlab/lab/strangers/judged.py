"""What came of a case: the words of the public command, beside the truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from memlab.lab.strangers.cases import Case

LEAK, NONE, UNDECIDED = "leak", "not-a-leak", "undecided"
_GRACE_SECONDS = 2.0  # a child is met a tick or two after its birth


@dataclass(frozen=True)
class Judged:
    """One case, judged; or not, and `skipped` or `failed` says why.

    patterns: of the findings, the first one first; candidates where none is sure; seconds: what was
    watched; core_share: what the looking cost; long_look: what VmRSS did meanwhile and after.
    """

    name: str
    version: str = ""
    verdict: str = ""
    reason: str = ""
    patterns: tuple[str, ...] = ()
    why: str = ""
    where: str = ""
    rate: float = 0.0
    seconds: float = 0.0
    core_share: float = 0.0
    skipped: str = ""
    failed: str = ""
    long_look: str = ""

    def mark(self, case: Case) -> str:
        """right, wrong pattern, missed, false alarm, undecided, apart, skipped or failed."""
        if self.skipped or self.failed:
            return "skipped" if self.skipped else "failed"
        if case.truth == "grows":
            return "apart"
        if self.verdict == UNDECIDED:
            return "undecided"
        if self.verdict != case.truth:
            return "false alarm" if self.verdict == LEAK else "missed"
        if case.truth == LEAK and not set(self.patterns) & set(case.patterns):
            return "wrong pattern"
        return "right"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


def judged(
    case: Case, answers: list[dict[str, Any]], version: str = "", long_look: str = ""
) -> Judged:
    """The verdict over one process or over all of a tree: one that leaks makes the tree leak.

    A child that ended meanwhile has given all back, so that nobody need wait for its verdict; one
    that is called a leak counts all the same: somebody would read it.
    """
    lasted = max(one["observed_seconds"] for one in answers)
    answers = [
        one
        for one in answers
        if one["verdict"] == LEAK or one["observed_seconds"] > lasted - _GRACE_SECONDS
    ]
    leaking = [one for one in answers if one["verdict"] == LEAK]
    open_ones = [one for one in answers if one["verdict"] == UNDECIDED]
    chosen = (leaking or open_ones or answers)[0]
    findings = [found for one in (leaking or [chosen]) for found in one["findings"]]
    first = findings[0] if findings else {}
    patterns = [
        word
        for found in findings[:1]
        for word in ([found["pattern"]] if found["pattern"] else found["candidates"])
    ]
    return Judged(
        case.name,
        version,
        chosen["verdict"],
        chosen["reason"] or "",
        tuple(patterns),
        chosen["why"],
        first.get("where", ""),
        first.get("bytes_per_second", 0.0),
        chosen["observed_seconds"],
        sum(one["cost"]["core_share"] for one in answers),
        long_look=long_look,
    )
