"""The curve of each kind that is closest to a series: pure, and the same every time.

A first guess comes from what can be seen (slopes, jumps, falls), then rate, period and phase are
moved as long as the distance shrinks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from memlab.model.curves import Array, Curve
from memlab.model.shapes import ACCELERATING, BURSTY, SAWTOOTH, STEP, Shape, bursts
from memlab.model.window import Jumps, Window, beat_of, phases, phases_of_units
from memlab.units import PAGE_BYTES

SEEDS = 200  # of bursts that are tried
MOST_ROUNDS = 20
_STRIDES = (0.1, 0.03, 0.01, 0.003)


def leaks(seen: Window) -> Iterator[Curve]:
    """The closest curve of each profile that the series could have, the plainest first."""
    for guess in (_linear, _step, _accelerating, _sawtooth_with_drift, _bursty):
        curve = guess(seen)
        if curve is not None:
            yield curve


def filled(seen: Window) -> Curve | None:
    """It grew from the start of the window, evenly, and then no more."""
    top, low = float(seen.values.max()), float(seen.values[0])
    if top - low < seen.unit:
        return None
    reached = float(seen.times[int(np.argmax(seen.values >= top - (top - low) / 100))])
    most = max(1, round((top - low) / seen.unit))
    rate = most / max(reached, seen.interval)
    return _closer(
        Curve(Shape(rate), (top - low) / most, law="filled", most=most), seen, "rate", "lead"
    )


def burst(seen: Window) -> Curve | None:
    """One jump, and nothing else that is worth a name."""
    jumps = seen.jumps()
    if not len(jumps):
        return None
    largest = int(np.argmax(jumps.size))
    when = max((jumps.start[largest] + jumps.end[largest]) / 2, seen.interval / 2)
    most = max(1, round(jumps.size[largest] / seen.unit))
    # the third event is the large one
    shape, unit = Shape(3 / when), jumps.size[largest] / most
    return _closer(Curve(shape, unit, law="burst", most=most), seen, "rate")


def teeth(seen: Window, law: str = "teeth") -> Curve | None:
    """Rises and falls in a steady beat, and its floor stays."""
    falls = _falls(seen)
    if len(falls) < 2:
        return None
    period, first = beat_of((falls.start + falls.end) / 2)
    segments = 4 if law == "rotation" else 1
    size = max(float(np.median(falls.size)), _steady(seen) * period)
    each = max(2, round(size / seen.unit))
    # as if the first fall seen were the first of all: it comes with the event that fits no more
    begun = segments * period + period / each - first
    leads = {begun, begun if begun > 0 else begun % period + segments * period}
    curve = Curve(Shape(each / period), size / each, 0.0, law, segments * each)
    phased = _closest([replace(curve, lead=lead) for lead in leads], seen, "lead")
    return _closer(phased, seen, "rate", "lead", "unit")


def _linear(seen: Window) -> Curve | None:
    slope = float(np.polyfit(seen.times, seen.values, 1)[0])
    unit = seen.unit
    if seen.is_stair and np.median(seen.jumps().size) <= seen.largest:
        rises = np.diff(seen.values)
        unit = float(np.median(rises[rises > 0]))
    if slope <= 0:
        return None
    curve = Curve(Shape(slope / unit), unit)
    if not seen.is_stair:
        return _closer(curve, seen, "rate", "lead")
    jumps = seen.jumps()
    guesses = [Curve(Shape(1 / beat), unit, lead) for beat, lead in phases_of_units(seen, unit)]
    return _jittered(_closest(guesses, seen, "rate", "lead"), jumps, seen)


def _jittered(curve: Curve, jumps: Jumps, seen: Window) -> Curve:
    """Uneven by more than the readings blur: `--jitter` spreads evenly over its share of a period.

    Both are uniform, and a uniform spread of width w has the variance w²/12.
    """
    middle, period = (jumps.start + jumps.end) / 2, 1 / curve.shape.rate
    off = (middle + curve.lead + period / 2) % period - period / 2
    blur = float(np.mean(jumps.end - jumps.start)) ** 2 / 12
    extra = float(np.var(off)) - 2 * blur
    if len(jumps) < 5 or extra <= 0:
        return curve
    jitter = min(1.0, round(math.sqrt(12 * (extra + blur)) / period, 2))
    drawn = [
        replace(curve, shape=replace(curve.shape, jitter=jitter, seed=n)) for n in range(1, 33)
    ]
    return min(drawn, key=lambda one: seen.off(one).size)


def _step(seen: Window) -> Curve | None:
    jumps = seen.jumps()
    if not seen.is_stair or np.median(jumps.size) <= seen.largest:
        return None
    each = max(1, round(float(np.median(jumps.size)) / seen.unit))
    unit = float(np.median(jumps.size)) / each
    guesses = [Curve(Shape(each / beat, STEP, beat), unit, lead) for beat, lead in phases(jumps)]
    return _closest(guesses, seen, "period", "lead")


def _accelerating(seen: Window) -> Curve | None:
    """Growth with the square of time; the period is named so that the rate is that at the window's end."""
    bend, slope, _ = np.polyfit(seen.times, seen.values, 2)
    if bend <= 0:
        return None
    lead = max(0.0, float(slope / (2 * bend)))
    if lead > 4 * seen.seconds:
        return None  # it hardly bends
    if slope < 0:
        square = seen.times**2 - np.mean(seen.times**2)
        bend = float(square @ (seen.values - seen.values.mean()) / (square @ square))
    end = lead + seen.seconds
    curve = Curve(Shape(2 * float(bend) * end / seen.unit, ACCELERATING, end), seen.unit, lead)
    return _closer(curve, seen, "rate", "lead")


def _sawtooth_with_drift(seen: Window) -> Curve | None:
    falls = _falls(seen)
    if len(falls) < 2:
        return None
    rate = _steady(seen) / seen.unit
    guesses = [Curve(Shape(rate, SAWTOOTH, beat), seen.unit, lead) for beat, lead in phases(falls)]
    return _closest(guesses, seen, "rate", "period", "lead")


def _steady(seen: Window) -> float:
    """How fast it rises between falls."""
    rises, seconds = np.diff(seen.values), np.diff(seen.times)
    return float(rises[rises >= 0].sum() / seconds[rises >= 0].sum())


def _falls(seen: Window) -> Jumps:
    """What falls by more than half of the largest fall: the small ones are something else."""
    falls = seen.jumps(-1)
    keep = falls.size > falls.size.max(initial=0) / 2
    return Jumps(falls.start[keep], falls.end[keep], falls.size[keep])


def _bursty(seen: Window) -> Curve | None:
    """Bursts at the moments of a seed; between them are rests, and they fall into no beat."""
    jumps = seen.jumps()
    large = jumps.size > jumps.size.max(initial=0) / 4
    if not seen.is_stair or large.sum() < 3 or _is_regular(jumps):
        return None
    size = float(np.median(jumps.size[large]))
    # finer than it is, so that a burst is drawn and no jump, where units can be divided at all
    unit = seen.unit / 4 if seen.unit >= 16 * PAGE_BYTES else seen.unit
    each = max(1, round(size / 4 / unit))
    # it began between the last reading before it and the first one that shows it
    starts = _apart(jumps, large, size) + seen.interval / 2
    blurred = seen.interval / math.sqrt(12)
    best, least = None, math.inf
    for seed in range(1, SEEDS + 1):
        for skipped, (period, lead, off) in enumerate(_aligned(seed, starts, seen)):
            # how unlikely these errors are, and that it is just this seed: the usual ones are small
            odds = len(starts) * (off / blurred) ** 2 + 2 * math.log(seed) + 2 * skipped
            if odds < least:
                shape = Shape(each / period, BURSTY, period, seed=seed)
                best, least = Curve(shape, size / 4 / each, lead), odds
    return best and _closer(best, seen, "lead")


def _apart(jumps: Jumps, large: NDArray[np.bool_], size: float) -> Array:
    """When each began; two that no reading tells apart are as large as two."""
    starts: list[float] = []
    for start, end, grown in zip(
        jumps.start[large], jumps.end[large], jumps.size[large], strict=True
    ):
        count = max(1, round(grown / size))
        starts += [start + (end - start) * nth / count for nth in range(count)]
    return np.array(starts)


def _is_regular(jumps: Jumps) -> bool:
    """Whether all came in one beat, as far as readings tell when they came."""
    middle, count = (jumps.start + jumps.end) / 2, np.arange(len(jumps))
    off = middle - np.polyval(np.polyfit(count, middle, 1), count)
    return bool(np.all(np.abs(off) <= jumps.end - jumps.start))


def _aligned(seed: int, starts: Array, seen: Window) -> Iterator[tuple[float, float, float]]:
    """Period, lead and mean error with which a seed's bursts fall on these, and on no other moment."""
    begins, count = _burst_moments(seed), len(starts)
    for skipped in range(8):
        part = begins[skipped : skipped + count]
        if skipped + count >= len(begins):
            return
        period, origin = np.polyfit(part, starts, 1)
        if period <= 0 or origin > seen.interval:
            continue
        before = begins[skipped - 1] * period + origin if skipped else -1.0
        after = begins[skipped + count] * period + origin
        if before < 0 and after > seen.seconds:
            yield (
                float(period),
                float(-origin),
                float(np.std(starts - part * period - origin)),
            )


@cache
def _burst_moments(seed: int) -> Array:
    return np.array(list(islice(bursts(seed), 80)))


def _closest(guesses: list[Curve], seen: Window, *free: str) -> Curve:
    """The closest that can be reached from any of these."""
    near = sorted(guesses, key=lambda curve: seen.off(curve).size)[:3]
    reached = [_closer(guess, seen, *free) for guess in near]
    return min(reached, key=lambda curve: seen.off(curve).size)


def _closer(curve: Curve, seen: Window, *free: str) -> Curve:
    """Move what is free, each in turn and by ever smaller strides, as long as the distance shrinks."""
    best, off = curve, seen.off(curve).size
    for stride in _STRIDES:
        for _ in range(MOST_ROUNDS):
            before = off
            for name in free:
                for sign in (stride, -stride):
                    tried = _moved(best, name, sign, seen)
                    size = seen.off(tried).size
                    if size < off * (1 - 1e-6):
                        best, off = tried, size
            if off == before:
                break
    return best


def _moved(curve: Curve, name: str, by: float, seen: Window) -> Curve:
    """A curve with one number changed by a share of itself; the lead by a share of a period."""
    shape = curve.shape
    if name == "rate":
        return replace(curve, shape=replace(shape, rate=shape.rate * (1 + by)))
    if name == "period":
        period = shape.period * (1 + by)
        # the same events in each period
        return replace(curve, shape=replace(shape, period=period, rate=shape.rate / (1 + by)))
    if name == "unit":
        return replace(curve, unit=curve.unit * (1 + by))
    beat = 1 / shape.rate if shape.profile == "linear" else shape.period
    return replace(curve, lead=curve.lead + by * min(beat, seen.seconds))
