"""A tree of processes judged as one sum: what one member frees another may have taken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from memlab.diagnose.account import IN_RSS_ANON, MMAP_THRESHOLD, Account
from memlab.diagnose.floors import FEWEST_INSTANTS
from memlab.diagnose.sums import Part, finding, rising
from memlab.model.diagnosis import Attribution, Cost, Diagnosis, Share, Verdict, Why
from memlab.model.memory import Basis, Pattern
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.units import counted, format_bytes, format_seconds

_LATE_SECONDS = 1.0  # as seldom as members are looked for (observe.live)


def diagnose_tree(recordings: Sequence[Recording], members: Sequence[Diagnosis]) -> Diagnosis:
    """The sum over all members, the first of which is the root; `members` are their own verdicts.

    Anonymous memory (RssAnon + VmSwap) and the number of processes. A member counts from its first reading to its last.
    """
    parts = [_member(recording) for recording in recordings]
    total, count = _sum(parts)
    pid = recordings[0].header.pid
    leaking = [one for one in members if one.verdict is Verdict.LEAK]
    accounts = [
        Part(
            Account(
                _in_members(leaking),
                Basis.RESIDENT,
                MMAP_THRESHOLD,
                total,
                "all members together",
                total.source,
            ),
            f"memlab diagnose {_grew_most(recordings, parts)}",
        ),
        Part(
            Account(
                (Pattern.PROCESS,), Basis.COUNT, 2, count, "members", count.source, unit="processes"
            ),
            f"ps --forest -g {pid} -o pid,stat,etime,args",
        ),
    ]
    findings = tuple(finding(one, None) for one in rising(accounts))
    seconds = format_seconds(total.seconds)
    verdict = Verdict.NOT_A_LEAK
    reason: Why | None = Why.FLAT
    decide: str | None = None
    grew = f"{counted(len(members), 'process', 'es')} grew together by {format_bytes(total.growth)} in {seconds}"
    if len(total) < FEWEST_INSTANTS:
        verdict, reason, decide = Verdict.UNDECIDED, None, "watch longer: --seconds 15"
        why = f"{len(total)} instants in {seconds} are too few to judge"
    elif findings or leaking:
        verdict, reason = Verdict.LEAK, None
        why = f"{grew}; {_who_leaks(leaking)}" if leaking else grew
    elif open_ := _open(recordings, members, total):
        verdict, reason = Verdict.UNDECIDED, None
        decide, why = open_[0].decide, f"{grew}; of {len(open_)} it is not clear: {open_[0].why}"
    else:
        why = f"flat: {grew}, and none of them leaks"
    return Diagnosis(
        target={**recordings[0].header.target, "tree": True},
        observed_seconds=round(total.seconds, 3),
        verdict=verdict,
        why=why,
        reason=reason,
        findings=findings if verdict is Verdict.LEAK else (),
        decide=decide,
        attribution=_attribution(recordings, parts, total),
        cost=_cost(members),
    )


def _in_members(leaking: Sequence[Diagnosis]) -> tuple[Pattern, ...]:
    """What the sum can be: the status files that it is made of do not say, the mappings of its members do."""
    known = {finding.pattern for one in leaking for finding in one.findings}
    return tuple(pattern for pattern in IN_RSS_ANON if pattern in known) or IN_RSS_ANON


def _grew_most(recordings: Sequence[Recording], parts: Sequence[Series]) -> int:
    """The pid of the member that gained most memory."""
    return max(zip(parts, recordings, strict=True), key=lambda one: one[0].growth)[1].header.pid


def _who_leaks(leaking: Sequence[Diagnosis]) -> str:
    first = leaking[0]
    named = (
        f"{first.target.get('comm', '?')} (pid {first.target.get('pid', '?')}) leaks: {first.why}"
    )
    return named if len(leaking) == 1 else f"{len(leaking)} of them leak, the first of them {named}"


def _open(
    recordings: Sequence[Recording], members: Sequence[Diagnosis], total: Series
) -> list[Diagnosis]:
    """Who is undecided and lived to the end: who ended meanwhile has given all back."""
    return [
        one
        for recording, one in zip(recordings, members, strict=True)
        if one.verdict is Verdict.UNDECIDED
        and recording.samples[-1].monotonic > total.times[-1] - _LATE_SECONDS
    ]


def _cost(members: Sequence[Diagnosis]) -> Cost:
    return Cost(
        sum(one.cost.cpu_seconds for one in members),
        sum(one.cost.core_share for one in members),
        max((one.cost.instants for one in members), default=0),
    )


def _member(recording: Recording) -> Series:
    def get(sample: Sample) -> float | None:
        status = sample.status
        if status is None or status.rss_anon is None:
            return None
        return float(status.rss_anon + (status.vm_swap or 0))

    return recording.collect("memory", get)


def _sum(parts: Sequence[Series]) -> tuple[Series, Series]:
    """At each reading of the one that was read longest: the last known value of everybody who is there."""
    times = max(parts, key=len).times
    total, count = np.zeros(len(times)), np.zeros(len(times))
    for series in parts:
        if not len(series):
            continue
        # half an interval: members are read one after another
        slack = float(np.diff(series.times).mean()) if len(series) > 1 else 0.0
        there = (times >= series.times[0] - slack) & (times <= series.times[-1] + slack)
        total += np.where(there, np.interp(times, series.times, series.values), 0.0)
        count += there
    source = "status RssAnon + VmSwap, summed"
    return (
        Series("tree", times, total, "bytes", source),
        Series("members", times, count, "count", "members seen"),
    )


def _attribution(
    recordings: Sequence[Recording], parts: Sequence[Series], total: Series
) -> Attribution | None:
    if len(total) < 2:
        return None
    shares = [
        Share(
            f"{recording.header.target.get('comm', '?')} (pid {recording.header.pid})",
            round(series.growth),
            "status RssAnon + VmSwap",
        )
        for recording, series in zip(recordings, parts, strict=True)
        if len(series) and series.growth
    ]
    shares.sort(key=lambda share: -abs(share.bytes))
    return Attribution("anonymous memory of the tree", round(total.growth), tuple(shares))
