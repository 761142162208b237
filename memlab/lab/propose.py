"""A fitted curve as a command: chunk, rate, profile and cap of the leaker that draws it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from memlab.lab.moves import Move
from memlab.model.curves import Curve
from memlab.model.mimicry import Proposal
from memlab.model.shapes import BURSTY, LINEAR
from memlab.model.window import Window
from memlab.units import GIB, KIB, MIB, PAGE_BYTES

# a cap must not be met in the window: a quarter more than is needed, and a unit at each end
_ROOM, _SPARE = 1.25, 2
_MOST_WAVE = 64  # threads of thread-pool (leakers/c/thread-pool.c)


def proposal(move: Move, curve: Curve, seen: Window) -> Proposal | None:
    """The command line of a curve; None where the program cannot draw it.

    Units that the program cannot make as large are made smaller and more of them.
    """
    leaker, options = move.leaker, dict[str, Any]()
    chunk = 0
    if not leaker.is_counted:
        curve, chunk = _within(move, curve)
    if move.law != "leak" and leaker.name == "thread-pool" and curve.most > _MOST_WAVE:
        return None
    options["rate"] = _rate(curve.shape.rate, chunk)
    if chunk and chunk != leaker.chunk_bytes:
        options["chunk"] = _size(chunk)
    shape = curve.shape
    if shape.profile != LINEAR:
        options |= {"profile": shape.profile, "period": _number(shape.period)}
    if shape.jitter:
        options["jitter"] = _number(shape.jitter)
    if shape.seed != 1 and (shape.jitter or shape.profile == BURSTY):
        options["seed"] = shape.seed
    if 0 < move.share < 1:
        options["touch"] = _number(move.share)
    options["cap"] = _cap(move, curve, chunk, seen.seconds)
    return Proposal(
        leaker.name,
        move.lang,
        options,
        curve,
        seen.off(curve),
        move.shows,
        leaker.is_lookalike,
        move.same,
    )


def _within(move: Move, curve: Curve) -> tuple[Curve, int]:
    """The curve in chunks that the program takes, and such a chunk in bytes."""
    usual = move.unit
    if abs(curve.unit - usual) <= usual / 50:  # malloc's heads, a page at the end
        return curve, move.chunk
    low, high = move.bounds
    chunk = max(1.0, (curve.unit - move.extra) / (move.share or 1))
    chunk = round(chunk / PAGE_BYTES) * PAGE_BYTES or round(chunk)
    if low <= chunk <= high:
        return curve, int(chunk)
    bounded = int(min(max(chunk, low), high))
    parts = curve.unit / (bounded * move.share + move.extra)
    if curve.most:
        parts = max(1, round(curve.most * parts)) / curve.most
    shape = replace(curve.shape, rate=curve.shape.rate * parts)
    most = round(curve.most * parts)
    return replace(curve, shape=shape, unit=curve.unit / parts, most=most), bounded


def _cap(move: Move, curve: Curve, chunk: int, seconds: float) -> str:
    """Where a look-alike's cap is its curve, that; else room for all of the window."""
    leaker = move.leaker
    if move.law == "burst":
        return _size(round(curve.most * curve.unit))
    if move.law != "leak":
        return _size(curve.most * chunk)
    units = round(curve.peak(seconds) * _ROOM) + _SPARE
    if leaker.is_counted:
        return str(units)
    counted = chunk if leaker.cap_basis == "virtual" else int(chunk * move.share)
    return _size(-(-units * counted // MIB) * MIB)


def _rate(events: float, chunk: int) -> str:
    """In bytes where they come steadily; in events where a person could count them."""
    if chunk and events >= 5:
        return _bytes(events * chunk) + "/s"
    if events * 60 < 20:
        return f"{_number(events * 60)}/min"
    return f"{_number(events)}/s"


def _bytes(size: float) -> str:
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit:
            return f"{_number(size / unit)}{name}"
    return str(round(size))


def _size(size: int) -> str:
    """Exactly, in the largest unit in which it is a whole number."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit}{name}"
    return str(size)


def _number(value: float) -> str:
    """Four figures, and never an exponent: a leaker does not read one."""
    text = f"{value:.4g}"
    return f"{value:.6f}".rstrip("0").rstrip(".") if "e" in text else text
