"""Argument types: a wrong value becomes one line that shows a right one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

from memlab.model.memory import Pattern
from memlab.units import Rate, parse_bytes, parse_rate, parse_seconds

T = TypeVar("T")


def _checked(parse: Callable[[str], T]) -> Callable[[str], T]:
    def check(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return check


def _positive_seconds(text: str) -> float:
    seconds = parse_seconds(text)
    if seconds <= 0:
        raise ValueError(f"{text!r} is too short: it must be more than zero")
    return seconds


def _pid(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise ValueError(f"{text!r} is no pid: a pid is a whole number above zero, see ps")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ValueError(f"{text!r} is no count: write a whole number above zero")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise ValueError(f"{text!r} is no share of a core: write it like 1% or 0.01")
    return share


def _confidence(text: str) -> float:
    try:
        confidence = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        confidence = 0.0
    if not 0.5 <= confidence <= 1:
        raise ValueError(f"{text!r} is no confidence: write it like 0.99 or 99%, from 0.5 to 1")
    return confidence


def _pattern(text: str) -> Pattern:
    try:
        return Pattern(text)
    except ValueError:
        raise ValueError(f"{text!r} is no pattern: there are {', '.join(Pattern)}") from None


pattern = _checked(_pattern)
size = _checked(parse_bytes)
seconds = _checked(_positive_seconds)
rate: Callable[[str], Rate] = _checked(parse_rate)
pid = _checked(_pid)
count = _checked(_count)
share = _checked(_share)
confidence = _checked(_confidence)


def add_sampling(parser: argparse.ArgumentParser, default_seconds: float | None) -> None:
    """The options that all watching commands share."""
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=default_seconds,
        help="how long to watch"
        + ("" if default_seconds is None else f" (default {default_seconds:.0f})"),
    )
    parser.add_argument(
        "--budget",
        type=share,
        default=0.01,
        help="what looking may cost, as a share of one core (default 1%%)",
    )
    parser.add_argument(
        "--stall",
        type=seconds,
        default=0.1,
        help="how long one look may hold up the process's own memory calls (default 100ms)",
    )
