"""The page docs/strangers.md: every case with its truth and its verdict, and what failed by name."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from memlab.lab.strangers.cases import Case
from memlab.lab.strangers.judged import LEAK, NONE, Judged
from memlab.units import format_rate

_MARKS = (
    "right",
    "wrong pattern",
    "missed",
    "false alarm",
    "undecided",
    "apart",
    "failed",
    "skipped",
)
_BAD = ("wrong pattern", "missed", "false alarm", "undecided", "failed")


def page(
    rows: list[tuple[Case, Judged]], seconds: float, version: str, *, again: bool = False
) -> str:
    """The page as Markdown; `again`: recordings of an earlier run were judged, and nothing was run."""
    return "\n".join(_lines(rows, seconds, version, again)) + "\n"


def summary(rows: list[tuple[Case, Judged]]) -> str:
    """The counts, in one line."""
    marks = [found.mark(case) for case, found in rows]
    return ", ".join(f"{marks.count(mark)} {mark}" for mark in _MARKS if mark in marks)


def row_text(case: Case, found: Judged) -> str:
    """One case in one line, for a terminal."""
    said = found.skipped or found.failed or f"{found.verdict} {_words(found)}".strip()
    return f"{found.mark(case):13} {case.name:28} truth {case.truth:10} {said[:110]}"


def _lines(
    rows: list[tuple[Case, Judged]], seconds: float, version: str, again: bool
) -> Iterator[str]:
    yield "# Strangers: programs that nobody here wrote"
    yield ""
    yield (
        f"Made by `memlab strangers --seconds {seconds:g} --out docs/strangers.md` (memlab {version}, Linux"
        f" {platform.release()}, {platform.machine()}). Each program runs in a box of its own (memory"
        " cgroup, a folder that is removed, loopback only) under a bounded load, and is judged blind by"
        f" `memlab diagnose PID --json --seconds {seconds:g} --confidence 1`; where it forks, with `--tree`."
        " That is the whole watch: one that ends as soon as a growth is certain, which is the default, cannot wait"
        " for a server to have warmed up or a cache to be full, and calls such a leak."
    )
    if again:
        yield ""
        yield "The recordings are of an earlier run, judged anew by this version (`--again`)."
    yield ""
    yield (
        "The truth of a case is from its issue, its changelog or its manual; `--long-look` holds it against"
        " /proc/PID/status, which the judge has no part in. `undecided` is a miss."
        " *Apart* are programs that grow as long as they are watched and give all back when their work is done."
    )
    yield ""
    yield f"**{summary(rows)}.** " + _rates(rows)
    yield ""
    yield "| program | version | truth | verdict | pattern or reason | seconds | cost (of a core) | |"
    yield "|---|---|---|---|---|--:|--:|---|"
    for case, found in rows:
        if not found.skipped and not found.failed:
            yield (
                f"| [{case.name}](#{case.name}) | {found.version} | {_truth(case)} | {found.verdict} | "
                f"{_words(found)} | {found.seconds:.0f} | {found.core_share:.2%} | {found.mark(case)} |"
            )
    yield from _failures(rows)
    skipped = [(case, found) for case, found in rows if found.skipped]
    if skipped:
        yield ""
        yield "## Skipped on this machine"
        yield ""
        yield from (f"- `{case.name}`: {found.skipped}" for case, found in skipped)
    yield ""
    yield "## The cases"
    for case, _ in rows:
        yield from _case(case)


def _failures(rows: list[tuple[Case, Judged]]) -> Iterator[str]:
    yield ""
    yield "## What failed"
    yield ""
    bad = [(case, found) for case, found in rows if found.mark(case) in _BAD]
    if not bad:
        yield "Nothing."
    for case, found in bad:
        yield f"- `{case.name}` ({found.mark(case)}; truth: {_truth(case)}): {found.failed or found.why}"
        if found.where:
            yield f"  Found: {', '.join(found.patterns)}, {found.where}, {format_rate(found.rate)}."


def _rates(rows: list[tuple[Case, Judged]]) -> str:
    scored = [(case, found) for case, found in rows if case.truth != "grows" and found.verdict]
    leaks = [found for case, found in scored if case.truth == LEAK]
    called = [case for case, found in scored if found.verdict == LEAK]
    hit = sum(found.verdict == LEAK for found in leaks)
    calm = [found for case, found in scored if case.truth == NONE]
    return (
        f"Leaks named: {hit} of {len(leaks)}. Programs without a leak cleared:"
        f" {sum(found.verdict == NONE for found in calm)} of {len(calm)}. Of {len(called)} verdicts `leak`"
        f" {sum(case.truth == LEAK for case in called)} are right."
    )


def _case(case: Case) -> Iterator[str]:
    yield ""
    yield f"### {case.name}"
    yield ""
    twin = f" Twin: [{case.twin}](#{case.twin})." if case.twin else ""
    source = f" Source: {case.source}." if case.source else ""
    yield f"{case.what}. **{_truth(case)}**: {case.because}.{source}{twin}"
    if case.checked:
        yield f"Long look: {case.checked}."


def _truth(case: Case) -> str:
    return f"leak ({', '.join(case.patterns)})" if case.patterns else case.truth


def _words(found: Judged) -> str:
    if found.patterns:
        return ", ".join(found.patterns) if len(found.patterns) < 3 else "one of several"
    return found.reason
