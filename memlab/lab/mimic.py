"""From a recorded process to the leaker that draws its curve: choose, fit, name, and run it.

What the process is comes from the public verdict and its accounts; what the bank could do comes
from the manifest. Nothing that a leaker says of itself is looked at.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

from memlab.diagnose import diagnose
from memlab.diagnose.accounts import accounts
from memlab.errors import Gone, Unsupported
from memlab.lab.experiment import start
from memlab.lab.moves import PAGE_CACHE, Seen, moves, page_cache, plainest, seen
from memlab.lab.propose import proposal
from memlab.model.curves import Array, Curve, held, spread
from memlab.model.diagnosis import Diagnosis, Verdict, Why
from memlab.model.fit import burst, filled, leaks, teeth
from memlab.model.mimicry import Mimicry, Proposal, Reenacted, apart
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.model.shapes import ACCELERATING, BURSTY, LINEAR, SAWTOOTH, STEP
from memlab.model.window import Window, window
from memlab.observe.sampler import Sampler
from memlab.units import PAGE_BYTES

FEWEST = 5  # readings: fewer are no curve
RUNNERS_UP = 2
_FITS: dict[str, Callable[[Window], Curve | None]] = {
    "filled": filled,
    "burst": burst,
    "teeth": teeth,
    "rotation": partial(teeth, law="rotation"),
}


def mimic(recording: Recording, diagnosis: Diagnosis | None = None) -> Mimicry:
    """Propose the leaker and options whose curve is closest to a recorded process.

    Total: where nothing fits (a flat process, too few readings, a curve like none of the bank's)
    `best` is None and `why` says so. `diagnosis` is the verdict, where the caller has it.
    """
    judged = diagnosis or diagnose(recording)
    recording = recording.since_exec()
    account = _chosen(recording, judged)
    if account is None:
        return Mimicry(judged.target, judged, None, "", f"nothing to re-enact: {judged.why}")
    growth = _growth(recording, account)
    if len(growth) < FEWEST:
        why = f"{account.where} was read {len(growth)} times, which is too few for a curve"
        return Mimicry(judged.target, judged, growth, account.where, why)
    found = sorted(
        _proposals(recording, account, growth, judged), key=lambda one: one.distance.size
    )
    to_explain = spread(growth.times, growth.values)
    # what does not take away half of the variance of the curve is no likeness; and the page cache
    # is everybody's: there only what takes away 99 % of it
    least = to_explain * (0.1 if account.name == PAGE_CACHE else 0.5**0.5)
    fitting = [one for one in found if one.distance.size <= least]
    if not fitting and account.name == PAGE_CACHE:
        return Mimicry(judged.target, judged, None, "", f"nothing to re-enact: {judged.why}")
    if not fitting:
        why = f"nothing in the bank draws a curve like that of {account.where}"
        if found:
            why += f"; {found[0].leaker} ({found[0].profile}) is least far, {found[0].distance.share:.0%}"
        return Mimicry(judged.target, judged, growth, account.where, why)
    best = _plainest(fitting, judged)
    others = tuple(one for one in fitting if one is not best)[:RUNNERS_UP]
    return Mimicry(judged.target, judged, growth, account.where, judged.why, best, others)


def reenact(
    found: Mimicry,
    seconds: float | None = None,
    stop: threading.Event | None = None,
) -> Mimicry:
    """Run the proposal in its box for as long as was recorded, record it, and measure how far it was off.

    Raises Refused where the machine could not bear it, Gone where it ended before there was a
    curve, Unsupported where there is no proposal.
    """
    best, growth = found.best, found.growth
    if best is None or growth is None:
        raise Unsupported("there is nothing to run", found.why)
    within = growth.times if seconds is None else growth.times[growth.times <= seconds]
    options = {**best.options, "paused": True}
    with start(best.leaker, best.lang, **options) as leaker:
        sampler = Sampler(leaker.pid)
        before = sampler.take(must=True)
        leaker.resume()
        opens = time.monotonic() + best.curve.lead
        taken = list(_looks(sampler, opens + within, stop or threading.Event()))
    if best.curve.lead < 0:  # the window had opened before
        taken = [before, *taken]
    header = sampler.header({"seconds": float(within[-1])})
    shown = _shown(Recording(header, taken), best.account)
    if shown is None or len(shown.series) < FEWEST:
        raise Gone(
            f"{best.leaker} showed no curve of {best.account}", "run it for longer: --seconds"
        )
    measured = replace(
        shown.series,
        times=shown.series.times - opens,
        values=shown.series.values - shown.series.values[0],
    )
    return replace(found, reenacted=Reenacted(measured, apart(growth, measured)))


def _looks(sampler: Sampler, moments: Array, stop: threading.Event) -> Iterator[Sample]:
    """The double at the very instants of the recording: between two looks neither is known."""
    for moment, following in pairwise([*moments, math.inf]):
        now = time.monotonic()
        if now >= following:
            continue  # it had not begun to leak then, or we were held up for longer than that
        if stop.wait(max(0.0, moment - now)):
            return
        try:
            yield sampler.take(must=True)
        except Gone:
            return  # as batch jobs do


def _chosen(recording: Recording, judged: Diagnosis) -> Seen | None:
    """The account of the first finding; where there is none, the one that moved most of its grains.

    Of a process that is flat itself, the machine's page cache.
    """
    if judged.findings:
        return _shown(recording, plainest(judged.findings[0].candidates))
    moved = [
        one
        for one in map(seen, accounts(recording))
        if judged.reason is not Why.PAGE_CACHE and _range(one.series) >= one.quantum
    ]
    if judged.reason in (Why.FLAT, Why.PAGE_CACHE):
        cache = page_cache(recording)
        if len(cache.series) > FEWEST and _range(cache.series) >= cache.quantum:
            moved.append(cache)
    return max(moved, key=lambda one: _range(one.series) / one.quantum, default=None)


def _shown(recording: Recording, name: str) -> Seen | None:
    """One account by its name; of two of a name (mapped, or held by descriptors) what moved more."""
    if name == PAGE_CACHE:
        return page_cache(recording)
    named = [one for one in map(seen, accounts(recording)) if one.name == name]
    return max(named, key=lambda one: _range(one.series) / one.quantum, default=None)


def _range(series: Series) -> float:
    return float(series.values.max() - series.values.min())


def _growth(recording: Recording, account: Seen) -> Series:
    series = account.series
    if series.source.startswith("smaps"):  # it was read with the mappings
        series = held(recording, series)
    return Series(
        account.name, series.times - series.times[0], series.values - series.values[0],
        series.unit, series.source,
    )  # fmt: skip


def _proposals(
    recording: Recording, account: Seen, growth: Series, judged: Diagnosis
) -> Iterator[Proposal]:
    for move in moves(recording, account):
        page = 1 if growth.unit == "count" else PAGE_BYTES
        opened = window(growth, move.unit, move.known, page)
        fitted = leaks(opened) if move.law == "leak" else [_FITS[move.law](opened)]
        made = [proposal(move, curve, opened) for curve in fitted if curve is not None]
        yield from (one for one in made if one is not None)


def _plainest(fitting: list[Proposal], judged: Diagnosis) -> Proposal:
    """The first that is about as close as the closest, in the order of what the verdict makes likely.

    A curve with more to choose from must at least halve the distance, and do so by more than the
    rhythm of a unit: a moment that is evenly spread over it is a variance of unit²/12.
    """
    leaking = [one for one in fitting if not one.is_lookalike]
    if judged.verdict is Verdict.LEAK and leaking:
        fitting = leaking  # a look-alike is what the verdict has ruled out
    unit = max(
        one.curve.unit for one in fitting if one.distance.size <= 2 * fitting[0].distance.size
    )
    most = (2 * fitting[0].distance.size) ** 2 + unit**2 / 12
    close = [one for one in fitting if one.distance.size**2 <= most]
    expected = judged.verdict is Verdict.NOT_A_LEAK and judged.reason is not Why.FLAT
    return min(
        close, key=lambda one: (one.is_lookalike != expected, PROFILES_BY_EASE.index(one.profile))
    )


PROFILES_BY_EASE = (LINEAR, STEP, ACCELERATING, SAWTOOTH, BURSTY)
