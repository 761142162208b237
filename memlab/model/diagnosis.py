"""What is said in the end: types of verdict, finding and diagnosis, and their JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import Enum, StrEnum, auto
from typing import Any

from memlab.model.memory import Basis, Pattern

FORMAT = 1


class Verdict(StrEnum):
    """The three things a diagnosis can say; about its window only."""

    LEAK = "leak"
    NOT_A_LEAK = "not-a-leak"
    UNDECIDED = "undecided"


class Why(StrEnum):
    """Why growth, or its absence, is no leak."""

    FLAT = "flat"
    WARM_UP = "warm-up"
    PLATEAU = "plateau"
    CYCLIC = "cyclic"
    RETENTION = "retention"
    PAGE_CACHE = "page-cache"
    ENDED = "ended"  # it grew as long as it ran, which was not long, and gave all back


class Need(Enum):
    """What the judge asks of the observer while it watches."""

    STOP = auto()
    GO_ON = auto()
    LOOK = auto()  # something moved: read the mappings now


@dataclass(frozen=True)
class Step:
    """Growth in equal steps: bytes of each, and seconds between them."""

    bytes: int
    period_seconds: float


@dataclass(frozen=True)
class Forecast:
    """Which limit is met first, and when, should the growth go on like this."""

    limit: str
    limit_bytes: int
    seconds: float
    sentence: str


@dataclass(frozen=True)
class Finding:
    """One leak: what, where, how fast, how much, on which evidence, and what to type next.

    candidates: the patterns that the evidence fits; pattern: None where that is more than one,
    for what would tell them apart was not read. unit: bytes; where things are counted it is a word
    for them, and all figures but `resident_bytes_per_second` are in it. levels: on how many floors
    that rise all the way it rests; noise does that with a chance of one over the factorial of it.
    The rate and its interval are None where nobody knows when the looks were taken.
    """

    candidates: tuple[Pattern, ...]
    where: str
    basis: Basis
    bytes_per_second: float | None
    bytes_per_second_interval: tuple[float, float] | None
    bytes: int
    evidence: tuple[str, ...]
    next: str
    resident_bytes_per_second: float | None = None
    step: Step | None = None
    forecast: Forecast | None = None
    unit: str = "bytes"
    levels: int = 0

    @property
    def pattern(self) -> Pattern | None:
        """The one it is, where that is known."""
        return self.candidates[0] if len(self.candidates) == 1 else None

    @property
    def pattern_words(self) -> str:
        """The pattern, or between which of them it lies; for people."""
        if self.pattern is not None:
            return self.pattern
        *most, last = self.candidates
        return f"not known: {', '.join(most)} or {last}"

    def without_times(self) -> Finding:
        """The same of looks whose times are not known: no rate, no period, and nothing that follows from one."""
        return replace(
            self,
            bytes_per_second=None,
            bytes_per_second_interval=None,
            resident_bytes_per_second=None,
            step=None,
            forecast=None,
        )

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON types, `pattern` first."""
        return {"pattern": self.pattern, **asdict(self)}


@dataclass(frozen=True)
class Share:
    """A part of a growth: whose it is, its bytes (below zero where it shrank), and the field that says so."""

    label: str
    bytes: int
    source: str


@dataclass(frozen=True)
class Attribution:
    """The growth of a whole, split among what grew: bytes = sum of the shares + residual_bytes, exactly."""

    whole: str
    bytes: int
    shares: tuple[Share, ...]

    @property
    def residual_bytes(self) -> int:
        """What no share explains."""
        return self.bytes - sum(share.bytes for share in self.shares)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON types."""
        return {**asdict(self), "residual_bytes": self.residual_bytes}


@dataclass(frozen=True)
class Cost:
    """What the looking cost: CPU seconds of ours, as a share of one core over the window."""

    cpu_seconds: float
    core_share: float
    instants: int


@dataclass(frozen=True)
class Diagnosis:
    """A verdict over one window.

    `why` is a sentence; for `not-a-leak` it opens with the `reason`. `not_seen` names what
    could not be looked at, `notes` what else is worth knowing (the process ended, …). `standing` is
    what the mappings say without any growth seen, `attribution` the process's growth split among
    what grew, `sources` what each input that was handed in was taken for. `untimed_looks` is how many
    looks there were where nobody knows when; `observed_seconds` is 0 then.
    """

    target: dict[str, Any]
    observed_seconds: float
    verdict: Verdict
    why: str
    reason: Why | None = None
    findings: tuple[Finding, ...] = ()
    not_seen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    decide: str | None = None
    standing: tuple[str, ...] = ()
    attribution: Attribution | None = None
    sources: tuple[str, ...] = ()
    cost: Cost = field(default_factory=lambda: Cost(0.0, 0.0, 0))
    untimed_looks: int = 0

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON types, `format` first; described in docs/diagnose-json.md."""
        plain = asdict(self)
        plain["findings"] = [finding.to_json() for finding in self.findings]
        if self.attribution is not None:
            plain["attribution"] = self.attribution.to_json()
        return {"format": FORMAT, **plain}
