"""What people ask of a leaker, checked before anything starts, as its command line and its need."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from memlab.errors import Refused
from memlab.lab.containment import Need, need_of
from memlab.lab.registry import Leaker
from memlab.units import MIB, Rate, format_bytes, parse_bytes, parse_rate, parse_seconds

Size = int | str

_FLAGS = ("control", "paused")
_BASES = ("virtual", "resident", "count")
_MOST_THINGS = 1_000_000  # beyond this it is a size: 1MiB is 1,048,576
PROFILES = ("linear", "step", "accelerating", "bursty", "sawtooth-with-drift")


@dataclass(frozen=True)
class Options:
    """Arguments for a leaker's program, and what the box must hold.

    file_bytes: how large a file it may make.
    """

    arguments: list[str]
    need: Need
    file_bytes: int


def check(leaker: Leaker, asked: Mapping[str, Any]) -> Options:
    """Check what was asked, in numbers or as people write them; None and False ask for nothing.

    Raises Refused, naming the option, for what makes no sense.
    """
    values = {name: _value(name, asked[name]) for name in asked if _is_given(asked[name])}
    _check_for_it(leaker, values)
    cap = values.get("cap", leaker.cap_bytes)
    chunk = values.get("stack_size", values.get("chunk", leaker.chunk_bytes))
    _check_stack(leaker, chunk)
    basis = values.get("cap_basis", leaker.cap_basis)
    share = {"share": values.get("touch", 1.0), "wholly": 1.0, "never": 0.0}[leaker.touch]
    touched = int(chunk * share)
    if basis == "resident" and touched == 0:
        raise Refused(
            "nothing is touched, so a resident cap would never hold", "use --cap-basis virtual"
        )
    unit = {"virtual": chunk, "resident": touched, "count": 1}[basis]
    if cap < unit and not leaker.is_lookalike:
        raise Refused(
            f"--cap {format_bytes(cap)} is less than one unit of {format_bytes(unit)}",
            "choose a larger --cap or a smaller --chunk",
        )
    need = need_of(leaker, cap, basis, chunk, touched)
    return Options(_arguments(values), need, file_bytes=(0 if leaker.is_counted else cap) + MIB)


def _check_for_it(leaker: Leaker, values: Mapping[str, Any]) -> None:
    """Refuse what makes no sense for this leaker."""
    rate = values.get("rate")
    if leaker.is_counted and rate is not None and rate.bytes_per_second is not None:
        raise Refused(
            f"--rate {format_bytes(rate.bytes_per_second)}/s: the units of {leaker.name} have no size",
            f"say how many: --rate {leaker.rate}",
        )
    if leaker.is_counted and values.get("cap", 0) > _MOST_THINGS:
        raise Refused(
            f"--cap {values['cap']:,}: the units of {leaker.name} are counted, and are no bytes",
            f"say how many: --cap {leaker.cap_bytes}",
        )
    if leaker.is_lookalike and values.get("control"):
        raise Refused(
            f"--control is not for {leaker.name}: it leaks nothing, and is a control itself",
            "leave it out",
        )
    if "stack_size" in values and leaker.pattern != "thread-stack":
        raise Refused(f"--stack-size is not for {leaker.name}: it makes no threads", "use --chunk")
    if "chunk" in values and "stack_size" in values:
        raise Refused("--chunk and --stack-size are one thing", "give one of them")


def _check_stack(leaker: Leaker, chunk: int) -> None:
    """A thread's stack has a least size, 16 KiB on x86-64 (pthread_attr_setstacksize(3))."""
    least = os.sysconf("SC_THREAD_STACK_MIN")
    if leaker.pattern == "thread-stack" and chunk < least:
        raise Refused(
            f"--stack-size {format_bytes(chunk)}: no stack of a thread is smaller than "
            f"{format_bytes(least)} (PTHREAD_STACK_MIN)",
            "choose a larger one",
        )


def rate_argument(rate: Any) -> str:
    """A rate as the leakers read it: one word, no exponent. Raises Refused for what is no rate."""
    return _text(_value("rate", rate))


def _is_given(value: Any) -> bool:
    return value is not None and value is not False


def _arguments(values: Mapping[str, Any]) -> list[str]:
    words = []
    for name, value in values.items():
        words.append("--" + name.replace("_", "-"))
        if value is not True:
            words.append(_text(value))
    return words


def _text(value: Any) -> str:
    if isinstance(value, Rate):
        if value.events_per_second is not None:
            return f"{value.events_per_second:.9f}/s"
        return f"{value.bytes_per_second:.3f}b/s"
    return f"{value:.9f}" if isinstance(value, float) else str(value)


def _value(name: str, value: Any) -> Any:
    """One option as a number, a Rate, a word, or True."""
    shown = "--" + name.replace("_", "-")
    try:
        if name in _FLAGS:
            return True
        if isinstance(value, bool):
            raise ValueError("a value is missing")
        return _PARSERS[name](value)
    except (ValueError, TypeError, OverflowError) as error:
        raise Refused(f"{shown} {value}: {error}") from None


def _size(value: Any) -> int:
    size = parse_bytes(value) if isinstance(value, str) else value
    if int(size) != size or size < 1:
        raise ValueError("a size must be a whole number of bytes, more than zero")
    return int(size)


def _count(value: Any) -> int:
    count = int(value)
    if count != float(value) or count < 1:
        raise ValueError("must be a whole number above zero")
    return count


def _rate(value: Any) -> Rate:
    return value if isinstance(value, Rate) else parse_rate(str(value))


def _share(value: Any) -> float:
    share = float(value)
    if not 0 <= share <= 1:
        raise ValueError("must be a number from 0 to 1")
    return share


def _seconds(value: Any) -> float:
    seconds = parse_seconds(value) if isinstance(value, str) else float(value)
    if not 0.001 <= seconds <= 1e9:
        raise ValueError("must be more than zero and less than 30 years")
    return seconds


def _basis(value: Any) -> str:
    if value not in _BASES:
        raise ValueError("must be virtual or resident")
    return str(value)


def _profile(value: Any) -> str:
    if value not in PROFILES:
        raise ValueError("must be one of " + ", ".join(PROFILES))
    return str(value)


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "cap": _size,
    "chunk": _size,
    "stack_size": _size,
    "step": _count,
    "count": _count,
    "rate": _rate,
    "touch": _share,
    "duration": _seconds,
    "cap_basis": _basis,
    "profile": _profile,
    "period": _seconds,
    "jitter": _share,
    "seed": _count,
}
