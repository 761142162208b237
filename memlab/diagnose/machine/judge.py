"""The verdict over a machine: one, with a finding for each account that rises and is the nearest of its kind."""

from __future__ import annotations

from functools import cache, partial

from memlab.diagnose.floors import FEWEST_INSTANTS
from memlab.diagnose.machine import given_back
from memlab.diagnose.machine.areas import areas
from memlab.diagnose.machine.behind import behind
from memlab.diagnose.machine.caches import Caches, cache_parts, caches
from memlab.diagnose.machine.held import held
from memlab.diagnose.machine.lines import grain, lines
from memlab.diagnose.machine.nearest import Told, nearest
from memlab.diagnose.machine.resident import resident
from memlab.diagnose.machine.shared import mounts, queues, segments
from memlab.diagnose.machine.split import split
from memlab.diagnose.machine.who import Who
from memlab.diagnose.sums import Part, finding, with_doubtful
from memlab.model.diagnosis import Cost, Diagnosis, Finding, Verdict, Why
from memlab.model.holdings import looks, part_of
from memlab.model.recording import Recording
from memlab.units import counted, format_amount, format_bytes, format_seconds


def diagnose_machine(recording: Recording, cost: Cost | None = None) -> Diagnosis:
    """Judge what `observe.machine.watch_machine` saw. One verdict; a finding for each that rises."""
    who = Who(looks(recording))
    slabs, ledger = caches(recording), list(lines(recording, who))
    families: list[list[Part]] = [
        list(resident(recording)),
        *held(recording, who),
        list(behind(recording, who)),
        [*queues(recording, who), *segments(recording, who)],
        list(cache_parts(slabs)),
        list(areas(recording)),
        [*mounts(recording), *ledger],
    ]
    judged = [with_doubtful(family) for family in families]
    certain, doubtful = ([one for both in judged for one in both[n]] for n in (0, 1))
    found = nearest(certain, doubtful, cache(partial(part_of, recording)))
    found.sort(key=_rank)
    verdict, why, reason, decide = _verdict(recording, found, ledger, slabs)
    return Diagnosis(
        target={"machine": recording.header.target["machine"]},
        observed_seconds=round(recording.seconds, 3),
        verdict=verdict,
        why=why,
        reason=reason,
        findings=_findings(recording, found) if verdict is Verdict.LEAK else (),
        not_seen=tuple(_not_seen(recording, who)),
        notes=_notes(recording, reason, found, ledger, slabs),
        decide=decide,
        attribution=split(recording),
        cost=cost or Cost(0.0, 0.0, len(recording)),
    )


def _rank(one: Told) -> tuple[bool, bool, float]:
    """What was there from the start, in bytes before in numbers, by rate."""
    part = one.rising.part
    return part.born, part.account.unit != "bytes", -one.rising.trend.rate


def _findings(recording: Recording, found: list[Told]) -> tuple[Finding, ...]:
    """Not of what was started in this window: setting up looks the same."""
    room = _room(recording)
    return tuple(
        finding(one.rising, room, (*one.rising.part.evidence(), *one.evidence))
        for one in found
        if not one.rising.part.born
    )


# who ends between the listing and its reading is in the listing only
_FEW = 100
_NAMED = 3

_Judged = tuple[Verdict, str, Why | None, str | None]


def _verdict(recording: Recording, found: list[Told], ledger: list[Part], slabs: Caches) -> _Judged:
    """(verdict, why, reason, what would decide)"""
    seconds = format_seconds(recording.seconds)
    if len(recording) < FEWEST_INSTANTS:
        few = f"{len(recording)} instants in {seconds} are too few to judge"
        return Verdict.UNDECIDED, few, None, "watch longer: --machine --seconds 15"
    fell = -recording.series("meminfo.mem_available").growth
    direction = "fell" if fell >= 0 else "rose"
    moved = f"MemAvailable {direction} by {format_bytes(abs(fell))} in {seconds}"
    if found:
        return _of_found(found[0], moved)
    cache = given_back.grown(ledger)
    if cache > max(0.0, fell) and cache >= grain(recording):
        named = given_back.named(recording, ledger, slabs)
        grew = f"what grew by {format_bytes(cache)} the kernel gives back when memory is short"
        why = f"page-cache: {grew}: {named}; {moved}" if named else f"page-cache: {grew}; {moved}"
        return Verdict.NOT_A_LEAK, why, Why.PAGE_CACHE, None
    flat = f"flat: nothing grew all the time, beyond what so many accounts do by chance; {moved}"
    return Verdict.NOT_A_LEAK, flat, Why.FLAT, None


def _of_found(first: Told, moved: str) -> _Judged:
    part = first.rising.part
    where = part.account.where
    if part.born:  # then all are: these come last
        why = f"{where} grew all the time since it was started, in this window: setting up looks the same; {moved}"
        decide = f"watch longer than that takes, or the process itself: {part.next}"
        return Verdict.UNDECIDED, why, None, decide
    grew = format_amount(first.rising.trend.growth, part.account.unit)
    why = f"{where} grew all the time, by {grew}, and gave nothing back; {moved}"
    return Verdict.LEAK, why, None, None


def _notes(
    recording: Recording, reason: Why | None, found: list[Told], ledger: list[Part], slabs: Caches
) -> tuple[str, ...]:
    """What grew beside, and is no leak, or none yet."""
    said = []
    young = [one.rising.part.account.where for one in found if one.rising.part.born]
    if 0 < len(young) < len(found):  # where all are young, that is the verdict
        others = f", and {len(young) - _NAMED} more" if len(young) > _NAMED else ""
        said.append(
            f"started in this window, it grew too, as it does while it sets up: {'; '.join(young[:_NAMED])}{others}"
        )
    named = given_back.named(recording, ledger, slabs)
    if named and reason is not Why.PAGE_CACHE:
        said.append(f"no leak, for the kernel gives it back when memory is short: {named}")
    return tuple(said)


def _room(recording: Recording) -> tuple[str, float] | None:
    last = next((s.meminfo for s in reversed(recording.samples) if s.meminfo), None)
    if last is None or last.mem_available is None:
        return None
    return "the machine's available memory", last.mem_available + (last.swap_free or 0)


def _not_seen(recording: Recording, who: Who) -> list[str]:
    read = {path for sample in recording for path in sample.texts.files}
    lacking = [path for path in ("/proc/slabinfo", "/proc/vmallocinfo") if path not in read]
    said = []
    if lacking:
        said.append(
            f"{' and '.join(lacking)}: for root only; which slab cache grows, or who asked vmalloc, is told with sudo"
        )
    denied = {path for sample in recording for path in sample.denied if path.endswith("/fd")}
    if denied:
        said.append(
            f"where the descriptors of {counted(len(denied), 'process', 'es')} of other users lead: run with sudo"
        )
    if 0 < len(who.looks) < FEWEST_INSTANTS:
        said.append(
            f"what all processes hold in the kernel was looked at {len(who.looks)} times only, so as to cost little:"
            " a longer --seconds sees more"
        )
    left_out = who.looks[-1].listed - len(who.looks[-1].held) if who.looks else 0
    if left_out > _FEW:
        said.append(
            f"what {left_out:,} of {who.looks[-1].listed:,} processes hold in the kernel: they are too many"
        )
    return said
