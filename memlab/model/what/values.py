"""Numbers of the text in words: `10240 kB` -> `10,240 kB = 10 MiB`."""

from __future__ import annotations

import re

from memlab.units import KIB, PAGE_BYTES, format_bytes, format_seconds

_WHOLE = re.compile(r"-?[0-9]{1,20}")
_SUFFIXED = re.compile(r"([0-9]+(?:\.[0-9]+)?)([bkmgtpe]?)i?b?", re.IGNORECASE)
_SCALES = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
# Linux on x86, arm64 and all others that people meet: USER_HZ is 100 (proc(5), sysconf(_SC_CLK_TCK))
_TICKS_PER_SECOND = 100
# what a cgroup counter holds when nobody set a limit: PAGE_COUNTER_MAX, in pages of 4 KiB
_NO_LIMIT = (1 << 63) - 4 * PAGE_BYTES


def whole(raw: str) -> int | None:
    """'80' and '80 kB' -> 80; None for what is no whole number, or one of another unit."""
    first, _, unit = raw.partition(" ")
    first = first.removesuffix("kB").removesuffix("KB")
    return int(first) if unit in ("", "kB") and _WHOLE.fullmatch(first) else None


def amount(raw: str, unit_bytes: int) -> float | None:
    """'23Gi', '4.2g', '4036' -> bytes; a bare number counts `unit_bytes`. None for no size."""
    match = _SUFFIXED.fullmatch(raw)
    if match is None or len(match[1]) > 20:
        return None
    if not match[2]:
        return float(match[1]) * unit_bytes
    return float(match[1]) * (1 << 10 * _SCALES[match[2].lower()])


def kilobytes(count_bytes: float) -> str:
    """10485760 -> '10,240 kB': as kernel text has it."""
    return f"{count_bytes / KIB:,.0f} kB"


def both(count_bytes: float) -> str:
    """10485760 -> '10,240 kB = 10 MiB'."""
    shown = kilobytes(count_bytes)
    return f"{shown} = {format_bytes(count_bytes)}" if abs(count_bytes) >= 1024 * KIB else shown


def worded(raw: str, unit: str) -> str:
    """The value as people read it; what is no plain number is left as it is."""
    number = whole(raw)
    if number is None or (" " in raw and unit != "kB"):
        return raw
    if unit in ("kB", "KiB"):
        return "no limit" if number * KIB >= _NO_LIMIT else both(number * KIB)
    if unit == "pages":
        # a page is 4 KiB unless this machine, where the text is probably from, says otherwise
        return f"{number:,} pages = {format_bytes(number * PAGE_BYTES)}"
    if unit == "bytes":
        if number >= _NO_LIMIT:
            return "no limit"
        return f"{number:,} B = {format_bytes(number)}" if number >= KIB else f"{number} B"
    if unit == "ticks":
        return f"{number:,} ticks = {format_seconds(number / _TICKS_PER_SECOND)}"
    if unit == "us":
        return f"{number:,} µs = {format_seconds(number / 1e6)}"
    if unit in ("count", "rate"):
        return f"{number:,}"
    return raw


def percent(part: float, whole_: float) -> float:
    """Part of the whole, in per cent; 0 of nothing."""
    return 100 * part / whole_ if whole_ else 0.0
