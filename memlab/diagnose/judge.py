"""The verdict over a recording: which accounts rose, and what that means."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from memlab.diagnose.account import Account
from memlab.diagnose.accounts import accounts
from memlab.diagnose.attribution import attribution, unexplained
from memlab.diagnose.beside import TURNED, beside
from memlab.diagnose.between import across, born, is_interrupted, once_more
from memlab.diagnose.evidence import describe
from memlab.diagnose.filling import filling
from memlab.diagnose.floors import FEWEST_INSTANTS, LEVELS
from memlab.diagnose.in_step import in_step
from memlab.diagnose.lasting import in_window, lasted
from memlab.diagnose.notes import LOOK_AT_LEAST_EVERY, is_job, not_seen, notes
from memlab.diagnose.overlap import carried, explained
from memlab.diagnose.stacks import cached
from memlab.diagnose.standing import standing
from memlab.diagnose.ticks import at_each_tick
from memlab.diagnose.trend import FEWEST_STEPS, LEVEL_SHARE, Shape, Trend, trend
from memlab.model.diagnosis import Cost, Diagnosis, Finding, Need, Verdict, Why
from memlab.model.memory import Basis, Pattern
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.units import counted, format_amount, format_bytes, format_rate, format_seconds

# Three grains are more than an account moves on its own between two readings (one at each
# end of the window, and one that was just begun).
GRAINS = 3
SHORTEST_SECONDS = LEVELS * LOOK_AT_LEAST_EVERY  # a look at the mappings in each block
# what is undecided, in words
_HOW = {
    Shape.RISING: "too little: it moves by as much without a leak",
    Shape.UNCLEAR: "too unevenly to tell a leak from settling in",
    Shape.SLOWING: "less and less to tell a leak from settling in",
    Shape.FILLING: "in mappings that were there before: it ends when they are full, or a leak goes beyond them",
}


@dataclass(frozen=True)
class Judged:
    """An account and the trend of its series."""

    account: Account
    trend: Trend

    @property
    def least(self) -> float:
        """Growth below this is no evidence."""
        return GRAINS * self.account.quantum

    @property
    def grown(self) -> str:
        """By how much, in words."""
        return format_amount(self.trend.growth, self.account.unit)

    @property
    def rank(self) -> tuple[bool, float]:
        """Bytes before things that are counted, then by rate: the largest explains most."""
        return self.account.unit == "bytes", self.trend.rate

    @property
    def leaks(self) -> bool:
        """Rose in every block, by more than its grain could explain."""
        return self.trend.shape is Shape.RISING and self.trend.growth >= self.least


def step(looked: Sample | None, now: Sample) -> Need:
    """While watching: read the mappings next time?

    Yes when the address space or the resident set moved since they were last read, or when
    that is a second ago: statm costs a hundredth of smaps and says whether it is worth it.
    """
    if looked is None or now.monotonic - looked.monotonic >= LOOK_AT_LEAST_EVERY:
        return Need.LOOK
    before, after = looked.statm, now.statm
    if before is None or after is None:
        return Need.LOOK
    moved = (before.size, before.resident) != (after.size, after.resident)
    return Need.LOOK if moved else Need.GO_ON


def diagnose(
    recording: Recording,
    cost: Cost | None = None,
    *,
    control: Recording | None = None,
    turned: str = TURNED,
) -> Diagnosis:
    """Judge a recording. Total: an empty or short one is `undecided`, with what would decide.

    `cost` is what the watching cost, where the caller measured it; else it is what the
    samples say that their reading cost. `control` is another watch of the same program, without what
    is suspected: what grows there as fast is no finding (`beside`); `turned` says how to turn the two round.
    """
    found = _with_the_last(recording, _diagnose(recording, cost), cost)
    return found if control is None else beside(found, _diagnose(control, None), turned)


def _with_the_last(recording: Recording, found: Diagnosis, cost: Cost | None) -> Diagnosis:
    """Of several recordings: a leak that the last one shows by itself stands, whatever came before it.

    Its own floors say so, and an earlier look can say of that time nothing: a program that set up fast before, or gave
    much back in between, may leak now.
    """
    since = recording.header.asked.get("last_from")
    if since is None or found.verdict is Verdict.LEAK:
        return found
    last = tuple(sample for sample in recording.samples if sample.monotonic >= since)
    asked = {key: value for key, value in recording.header.asked.items() if key != "last_from"}
    header = replace(recording.header, asked=asked)
    alone = _diagnose(replace(recording, header=header, samples=last), cost)
    if alone.verdict is not Verdict.LEAK:
        return found
    note = f"the verdict is of the last recording alone; of all together it would be {found.verdict}: {found.why}"
    return replace(alone, notes=(*alone.notes, note))


def _diagnose(recording: Recording, cost: Cost | None) -> Diagnosis:
    whole, recording = recording, recording.since_exec()
    judged = _judged(recording)
    verdict, why, reason, decide = _verdict(recording, judged)
    if verdict is not Verdict.NOT_A_LEAK and (job := is_job(recording)):
        verdict, why, reason, decide = Verdict.NOT_A_LEAK, job, Why.ENDED, None
    leaking = _in_order([j for j in judged if j.leaks])
    findings = tuple(_finding(recording, j) for j in leaking) if verdict is Verdict.LEAK else ()
    split = attribution(recording, findings)
    left = unexplained(split, findings)
    return Diagnosis(
        target=dict(recording.header.target),
        observed_seconds=round(recording.seconds, 3) if recording.is_timed else 0.0,
        untimed_looks=0 if recording.is_timed else recording.instants,
        verdict=verdict,
        why=why,
        reason=reason,
        findings=findings,
        not_seen=not_seen(recording),
        notes=(*recording.losses, *notes(whole, findings), *([left] if left else [])),
        decide=decide and (once_more(recording) or decide),
        attribution=split,
        standing=standing(recording),
        sources=recording.sources,
        cost=cost or _cost(recording),
    )


def _judged(recording: Recording) -> list[Judged]:
    """All accounts with their trends, without those whose growth another one explains."""
    start = born(recording)
    read = [(one, _read(recording, one, start)) for one in accounts(recording)]
    judged = [Judged(one, found) for (one, _), found in zip(read, in_step(read), strict=True)]
    leaking = [j.account for j in judged if j.leaks]
    return [j for j in judged if not (j.leaks and explained(recording, j.account, leaking))]


def _in_order(leaking: list[Judged]) -> list[Judged]:
    """Bytes before things that are counted, each by rate; memory that leaking descriptors carry comes after these."""
    all_of_them = [j.account for j in leaking]
    return sorted(
        leaking, key=lambda j: (not carried(j.account, all_of_them), j.rank), reverse=True
    )


def _read(recording: Recording, account: Account, start: float | None) -> Trend:
    """The trend of its curve, and what that means for memory of this kind."""
    found = _trend(recording, account)
    # of a watch that was not interrupted, mappings that were seldom read are no gap
    goes_on = found.shape is Shape.RISING and not is_interrupted(recording)
    gap = None if goes_on else across(account, start)
    return cached(recording, account, gap or filling(recording, account, found))


def _trend(recording: Recording, account: Account) -> Trend:
    """Of the series; where that can only fill what is mapped, of the mappings unless they rise too."""
    found = _seen(recording, account)
    if account.mapped is None or found.shape in (Shape.FLAT, Shape.CYCLIC, Shape.FALLING):
        return found
    room = _seen(recording, replace(account, basis=Basis.VIRTUAL, series=account.mapped))
    if (
        room.shape is Shape.UNCLEAR
        and np.count_nonzero(np.diff(account.mapped.values) > 0) < FEWEST_STEPS
    ):
        # what is mapped once or twice is loaded; a leak maps it again and again
        return replace(room, shape=Shape.STOPPED)
    return found if room.shape is Shape.RISING else room


def _seen(recording: Recording, account: Account) -> Trend:
    return at_each_tick(recording, account, trend(account.series, account.quantum))


def _verdict(
    recording: Recording, judged: list[Judged]
) -> tuple[Verdict, str, Why | None, str | None]:
    if recording.instants < FEWEST_INSTANTS and not _stepped(recording, judged):
        return (
            Verdict.UNDECIDED,
            _too_few(recording, judged),
            None,
            _more(recording),
        )
    leaking = [j for j in judged if j.leaks]
    if leaking:
        first = _in_order(leaking)[0]
        return (
            Verdict.LEAK,
            f"{first.account.where} grew by {first.grown} {in_window(recording)} and gave nothing back",
            None,
            None,
        )
    if not judged and recording.header.asked.get("pasted"):
        said = "nothing of a process was seen: what was handed in is of the whole machine"
        decide = "on that machine: memlab diagnose --machine says who, memlab owners who holds shared memory"
        return Verdict.UNDECIDED, said, None, decide
    open_questions = [j for j in judged if _is_open(j)]
    if open_questions:
        return _undecided(recording, open_questions)
    return _no_leak(recording, judged)


def _too_few(recording: Recording, judged: list[Judged]) -> str:
    if not recording.instants:
        return "nothing was seen that tells of growth"
    if recording.header.asked.get("pasted"):
        shown = counted(recording.instants, "reading")
        moved = max((j for j in judged if j.trend.growth > 0), key=lambda j: j.rank, default=None)
        if moved is None:
            return f"what was handed in shows {shown}: too few to judge growth by"
        return (
            f"{moved.account.where} grew by {moved.grown} from the first to the last of {shown}:"
            " too few to see whether that goes on"
        )
    looks = counted(recording.instants, "instant")
    return f"{looks} in {format_seconds(recording.seconds)}: too few to judge"


def _more(recording: Recording) -> str:
    pid = recording.header.pid or "PID"
    if recording.header.asked.get("killed"):
        return (
            "memlab oom read, with the report, says why it was chosen and what held the rest; of the next run of the"
            " program a log of ten readings: memlab record, or pidstat -r -p PID 60 10"
        )
    if recording.header.asked.get("pasted"):
        return (
            f"a log of ten readings, as pidstat -r -p {pid} 60 10 takes in ten minutes, or on that machine:"
            f" memlab diagnose {pid}, or memlab-capture {pid}"
        )
    return f"watch for at least {FEWEST_INSTANTS} instants: --seconds 15"


def _stepped(recording: Recording, judged: list[Judged]) -> bool:
    """Of a log somebody pastes the lines where something changes: equal steps need no more."""
    return bool(recording.given) and any(j.leaks and j.trend.step for j in judged)


def _is_open(judged: Judged) -> bool:
    """It moved upwards, and this window cannot say whether that goes on."""
    found = judged.trend
    if found.shape is Shape.UNCLEAR:
        return found.growth >= judged.least
    return found.shape in (Shape.RISING, Shape.SLOWING, Shape.FILLING)


def suspected(recording: Recording) -> tuple[Pattern, ...]:
    """What the largest growth may be that this window leaves open; empty where there is none."""
    recording = recording.since_exec()
    open_questions = [judged for judged in _judged(recording) if _is_open(judged)]
    return _largest(open_questions).account.candidates if open_questions else ()


def _largest(open_questions: list[Judged]) -> Judged:
    return max(open_questions, key=lambda j: j.trend.growth / j.account.quantum)


def _undecided(
    recording: Recording, open_questions: list[Judged]
) -> tuple[Verdict, str, Why | None, str | None]:
    worst = _largest(open_questions)
    longer = max(SHORTEST_SECONDS, _longer(worst, recording.seconds))
    return (
        Verdict.UNDECIDED,
        f"{worst.account.where} grew by {worst.grown} {in_window(recording)}, {_HOW[worst.trend.shape]}",
        None,
        f"watch for {format_seconds(longer)}: --seconds {math.ceil(longer)}"
        if recording.is_timed
        else _more(recording),
    )


def _longer(worst: Judged, seconds: float) -> float:
    """How long a watch decides: until the pause that is open is a surprise, or what grows is plain."""
    found = worst.trend
    grown = max(found.growth, 1.0)
    if grown < worst.least:
        return max(2 * seconds, 2 * seconds * worst.least / grown)
    if found.shape is Shape.FILLING:
        return (seconds + found.decided_after) / (1 - LEVEL_SHARE)
    still = found.decided_after - found.level_seconds
    # level for a block of the watch, and for as long as it takes
    ended = max(seconds + still, (seconds - found.level_seconds) / (1 - LEVEL_SHARE))
    return min(2 * seconds, ended) if still > 0 and ended > seconds else 2 * seconds


def _no_leak(
    recording: Recording, judged: list[Judged]
) -> tuple[Verdict, str, Why | None, str | None]:
    shapes = {j.trend.shape for j in judged}
    in_memory = [j for j in judged if j.account.unit == "bytes"]
    # a log of calls shows address space only
    seen = [j for j in in_memory if j.account.basis is not Basis.VIRTUAL] or in_memory
    limit = max((max(j.least, j.trend.hidden) for j in seen), default=0.0)
    blind = _blind(recording, limit)
    if Shape.STOPPED in shapes:
        stopped = max(
            (j for j in judged if j.trend.shape is Shape.STOPPED),
            key=lambda j: j.trend.growth / j.account.quantum,
        )
        return (
            Verdict.NOT_A_LEAK,
            f"warm-up: {stopped.account.where} grew by {stopped.grown} and has been "
            f"level for {lasted(recording, stopped.trend.level_seconds)}; {blind}",
            Why.WARM_UP,
            None,
        )
    if Shape.CYCLIC in shapes:
        cyclic = next(j for j in judged if j.trend.shape is Shape.CYCLIC)
        level = cyclic.trend.level_seconds
        how = f"not higher for {lasted(recording, level)}" if level else "the floors do not rise"
        return (
            Verdict.NOT_A_LEAK,
            f"cyclic: {cyclic.account.where}: up and down again, and {how}; {blind}",
            Why.CYCLIC,
            None,
        )
    return (
        Verdict.NOT_A_LEAK,
        f"flat: no account rose by more than its own grain; {blind}",
        Why.FLAT,
        None,
    )


def _blind(recording: Recording, limit: float) -> str:
    """The growth that would not be seen, in bytes."""
    if not recording.is_timed:
        return f"growth of less than {format_bytes(limit)} would not show {in_window(recording)}"
    seconds = recording.seconds
    return f"a steady leak slower than {format_rate(limit / seconds)} would not show in {format_seconds(seconds)}"


def _finding(recording: Recording, judged: Judged) -> Finding:
    found = _timed_finding(recording, judged)
    return found if recording.is_timed else found.without_times()


def _timed_finding(recording: Recording, judged: Judged) -> Finding:
    account, found = judged.account, judged.trend
    words = describe(recording, account, found)
    resident = None
    if account.resident is not None:
        resident = round(trend(account.resident, 0.0).rate, 1)
    elif account.basis is Basis.RESIDENT:
        resident = round(found.rate, 1)
    low, high = found.interval
    return Finding(
        candidates=account.candidates,
        where=words.where,
        basis=account.basis,
        bytes_per_second=round(found.rate, 1),
        bytes_per_second_interval=(round(low, 1), round(high, 1)),
        resident_bytes_per_second=resident,
        step=found.step,
        bytes=round(found.growth),
        evidence=words.evidence,
        forecast=words.forecast,
        next=words.next,
        unit=account.unit,
        levels=found.levels,
    )


def _cost(recording: Recording) -> Cost:
    cpu = sum(sample.cpu_seconds for sample in recording)
    share = cpu / recording.seconds if recording.seconds else 0.0
    return Cost(round(cpu, 4), round(share, 5), len(recording))
