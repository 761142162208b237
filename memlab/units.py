"""Bytes, pages and rates: how people write them and how we print them.

Inside memlab every size is an `int` of bytes and every time a `float` of
seconds. Suffixes are binary, as in the kernel: k, K, kB and KiB are all 1024.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
YEAR = 365 * 86400.0  # seconds
PAGE_BYTES: int = os.sysconf("SC_PAGE_SIZE")

_SCALE = {"": 1, "k": KIB, "m": MIB, "g": GIB, "t": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)?", re.IGNORECASE)
_SECONDS = {"": 1.0, "s": 1.0, "ms": 1e-3, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_bytes(text: str) -> int:
    """'64KiB' -> 65536. Raises ValueError on anything but a size of zero or more."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size: write it like 4096, 64KiB or 2MiB")
    return round(float(match[1]) * _SCALE[match[2].lower()])


def parse_seconds(text: str) -> float:
    """'15', '1.5s', '200ms', '2min' -> seconds. Raises ValueError."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write it like 15, 200ms or 2min")
    return float(match[1]) * _SECONDS[(match[2] or "").lower()]


@dataclass(frozen=True)
class Rate:
    """How fast a leaker leaks: in bytes or in events, per second; exactly one is set."""

    bytes_per_second: float | None = None
    events_per_second: float | None = None

    def events(self, chunk_bytes: int) -> float:
        """Events per second when each event leaks `chunk_bytes`."""
        if self.events_per_second is not None:
            return self.events_per_second
        assert self.bytes_per_second is not None
        return self.bytes_per_second / chunk_bytes


def parse_rate(text: str) -> Rate:
    """'2MiB/s' -> bytes per second; '4/s' or '4' -> events per second; '1/min' works too."""
    amount, _, per = text.strip().partition("/")
    seconds = _SECONDS.get(per.strip().lower() or "s")
    if seconds is None:
        raise ValueError(f"{text!r} is not a rate: write it like 2MiB/s, 4/s or 1/min")
    try:
        if re.fullmatch(r"\d+(\.\d+)?", amount.strip()):
            rate = Rate(events_per_second=float(amount) / seconds)
            positive = rate.events_per_second
        else:
            rate = Rate(bytes_per_second=parse_bytes(amount) / seconds)
            positive = rate.bytes_per_second
    except ValueError:
        raise ValueError(f"{text!r} is not a rate: write it like 2MiB/s, 4/s or 1/min") from None
    if not positive:
        raise ValueError(f"{text!r} is no rate: it must be more than zero")
    return rate


def format_bytes(count: float) -> str:
    """1536 -> '1.5 KiB'. Whole bytes below 1 KiB; three figures above."""
    sign, size = ("-", -count) if count < 0 else ("", count)
    if size < KIB:
        return f"{sign}{size:.0f} B"
    units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    size /= KIB
    while size >= 999.5 and len(units) > 1:
        size, units = size / KIB, units[1:]
    return f"{sign}{size:.3g} {units[0]}"


def format_change(count: float) -> str:
    """-1536 -> 'fell by 1.5 KiB'."""
    if not count:
        return "did not move"
    return f"{'rose' if count > 0 else 'fell'} by {format_bytes(abs(count))}"


def format_rate(bytes_per_second: float) -> str:
    """2097152.0 -> '2 MiB/s'."""
    return format_bytes(bytes_per_second) + "/s"


def format_amount(amount: float, unit: str) -> str:
    """(1536, 'bytes') -> '1.5 KiB'; (12, 'descriptors') -> '12 descriptors'."""
    return format_bytes(amount) if unit == "bytes" else f"{amount:,.0f} {unit}"


def format_amount_rate(per_second: float, unit: str) -> str:
    """(2097152.0, 'bytes') -> '2 MiB/s'; (2.5, 'descriptors') -> '2.5 descriptors/s'."""
    return format_rate(per_second) if unit == "bytes" else f"{per_second:,.3g} {unit}/s"


def counted(count: int, thing: str, plural: str = "s") -> str:
    """1 reading, 2,000 readings; `plural` is what many of them have at their end."""
    return f"{count:,} {thing}{'' if count == 1 else plural}"


def format_seconds(seconds: float) -> str:
    """75 -> '1 min 15 s'; 5400 -> '1 h 30 min'; 0.25 -> '0.25 s'."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours / 24:.3g} days"
