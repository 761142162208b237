"""Text as it comes out of terminals, mails and chats: made plain before anybody reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[()][A-Z0-9]")
_QUOTE = re.compile(r"^(?:> ?)+")
ELISION = re.compile(r"^\s*(?:\.{3,}|…|\[\.\.\.\]|\(\.\.\.\))\s*$")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d+))?(?:\s*([AP])\.?M\.?)?\b", re.IGNORECASE)
DAY = 86400.0


def lines_of(content: bytes) -> list[str]:
    """The lines, without colours, carriage returns, quote marks of mails and common indentation."""
    text = _COLOURS.sub("", content.decode(errors="replace")).replace("\r\n", "\n")
    lines = [line.rpartition("\r")[2].expandtabs().rstrip() for line in text.split("\n")]
    filled = [line for line in lines if line.strip()]
    if filled and sum(line.startswith(">") for line in filled) > len(filled) / 2:
        lines = [_QUOTE.sub("", line) for line in lines]
    return lines


def number(text: str) -> float:
    """A number with a decimal point or, as many locales print it, a decimal comma. Raises ValueError."""
    return float(text.replace(",", "."))


def sized(text: str) -> float:
    """A size with or without a suffix, as free -h and top print it: 1.5Gi, 312.4m, 2,1g; in its own unit."""
    found = re.fullmatch(r"([0-9]+(?:[.,][0-9]+)?)([KMGTPkmgtpB]?)i?B?", text)
    if not found:
        raise ValueError(text)
    power = " kmgtp".index(found[2].lower().replace("b", "") or " ")
    return number(found[1]) * float(1 << 10 * power)


def grain(text: str) -> float:
    """What a size was rounded to, in the unit of `sized`: of 285.2M a tenth of a MiB; 0 without a suffix."""
    if text.isdigit():
        return 0.0
    decimals = (
        len(re.split("[.,]", text)[1].rstrip("BiKMGTPkmgtpb")) if re.search("[.,]", text) else 0
    )
    return sized("1" + text.lstrip("0123456789.,")) / float(10**decimals)


def clock(line: str) -> float | None:
    """Seconds since midnight of the first clock in a line, 12-hour clocks too; None without one."""
    found = _CLOCK.search(line)
    if not found:
        return None
    hour, minute, second = (int(found[n]) for n in (1, 2, 3))
    if found[5]:
        hour = hour % 12 + (12 if found[5].upper() == "P" else 0)
    return hour * 3600 + minute * 60 + second + float(f"0.{found[4] or 0}")


def has_12_hours(lines: Iterable[str]) -> bool:
    """Whether the clock says AM or PM."""
    return any(found[5] for line in lines if (found := _CLOCK.search(line)))


class Days:
    """Makes clocks that begin again at midnight into seconds that only go up."""

    def __init__(self) -> None:
        self._before: float | None = None
        self._midnights = 0

    def seconds(self, since_midnight: float) -> float:
        """For the next clock of a log; one that falls by over half a day has passed midnight."""
        if self._before is not None and since_midnight < self._before - DAY / 2:
            self._midnights += 1
        self._before = since_midnight
        return since_midnight + self._midnights * DAY
