"""Why two figures for the memory of one process differ, term by term, with the residual shown.

A figure is a number that a tool prints or a file holds. Identities of the kernel lead from one
to the next (`_step`); an explanation is the shortest way through them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from memlab.errors import Denied, MemlabError
from memlab.model.readings import FIGURES, Figure, canonical, figure
from memlab.model.sample import Sample
from memlab.model.steps import COARSE, STEPS, Rule, Term

Rules = Mapping[tuple[str, str], Rule]
CHAIN = ("ps.rss", "smaps.rss", "smaps.pss", "smaps.uss")


@dataclass(frozen=True)
class Step:
    """One identity: start + terms + residual = end, in bytes.

    `slack` says what a residual may be; "" where the identity holds within one text and the
    residual is 0 always. apart: seconds from the end of the one reading to the start of the other;
    None for one file, and where that was not recorded.
    """

    start: Figure
    terms: tuple[Term, ...]
    end: Figure
    slack: str
    apart: float | None = None

    @property
    def residual(self) -> int:
        """What the terms leave over."""
        return self.end.bytes - self.start.bytes - sum(term.bytes for term in self.terms)


@dataclass(frozen=True)
class Explanation:
    """The way from one figure of process `pid` to another; no steps where both are one field."""

    pid: int
    start: Figure
    end: Figure
    steps: tuple[Step, ...]

    @property
    def terms(self) -> tuple[Term, ...]:
        """All terms on the way."""
        return tuple(term for step in self.steps for term in step.terms)

    @property
    def residual(self) -> int:
        """What all terms leave over: end - start - their sum."""
        return self.end.bytes - self.start.bytes - sum(term.bytes for term in self.terms)


def explain(sample: Sample, start: str, end: str) -> Explanation:
    """Why `start` and `end` differ for the process of this sample, by names of `FIGURES`.

    Raises MemlabError for a name that is no figure, Denied or Unsupported where a file on the
    way was not read.
    """
    return explain_chain(sample, (start, end))


def explain_chain(sample: Sample, names: Sequence[str] = CHAIN) -> Explanation:
    """The same through several figures, in their order."""
    steps: list[Step] = []
    for one, other in pairwise(names):
        steps += _walk(sample, one, other)
    ends = (figure(sample, names[0]), figure(sample, names[-1]))
    return Explanation(sample.pid, *ends, tuple(steps))


def _walk(sample: Sample, start: str, end: str) -> list[Step]:
    ends = canonical(start), canonical(end)
    try:
        steps = _steps(sample, *ends, STEPS)
    except Denied as denied:
        try:
            steps = _steps(sample, *ends, STEPS | COARSE)
        except MemlabError:
            raise denied from None
    if steps:  # the ends keep the names by which they were asked for
        steps[0] = replace(steps[0], start=figure(sample, start))
        steps[-1] = replace(steps[-1], end=figure(sample, end))
    return steps


def _steps(sample: Sample, start: str, end: str, rules: Rules) -> list[Step]:
    return [_take(sample, *pair, rules) for pair in pairwise(_way(start, end, rules))]


def _way(start: str, end: str, rules: Rules) -> list[str]:
    """The shortest way through the identities."""
    came: dict[str, str] = {start: start}
    queue = [start]
    while queue and end not in came:
        here = queue.pop(0)
        for pair in rules:
            if here in pair:
                there = pair[1] if pair[0] == here else pair[0]
                if there not in came:
                    came[there] = here
                    queue.append(there)
    if end not in came:
        raise MemlabError(f"no identity leads from {start} to {end}")
    way = [end]
    while way[-1] != start:
        way.append(came[way[-1]])
    return way[::-1]


def _take(sample: Sample, start: str, end: str, rules: Rules) -> Step:
    forward = (start, end) in rules
    found, slack = rules[(start, end) if forward else (end, start)](sample)
    terms = found if forward else [replace(term, bytes=-term.bytes) for term in found]
    shown = tuple(term for term in terms if term.bytes)
    ends = figure(sample, start), figure(sample, end)
    return Step(ends[0], shown, ends[1], slack, _apart(sample, *ends))


def _apart(sample: Sample, one: Figure, other: Figure) -> float | None:
    """By the file that a figure's source names first."""
    first, second = (sample.reading(end.source.split()[0]) for end in (one, other))
    if first is None or second is None or first == second:
        return None
    return max(first[0], second[0]) - min(first[1], second[1])


__all__ = ["CHAIN", "FIGURES", "Explanation", "Figure", "Step", "Term", "explain", "explain_chain"]
