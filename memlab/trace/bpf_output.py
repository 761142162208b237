r"""What `bpftrace -f json` prints: a line for each map, `{"type": "map", "data": {"@held": {KEY: [..]}}}`.

A buffer is printed byte by byte: what can be printed as it is, the rest as `\xhh`. A backslash is printed as it is
too, so that four bytes may look like one: then there are fewer than were asked for, and the buffer counts as not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from memlab.trace.bpf_script import WINDOW, WINDOWS
from memlab.trace.walk import Top

_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")
_MASK = (1 << 64) - 1
_LOST = re.compile(r"[Ll]ost (\d+) events")


@dataclass
class Said:
    """maps: by name without "@", each by key as printed; printed: the lines of printf."""

    maps: dict[str, Any] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)
    lost_events: int = 0

    def number(self, key: int) -> int:
        """Of the counts in @n."""
        return int(self.maps.get("n", {}).get(str(key), 0))


@dataclass(frozen=True)
class Block:
    """One entry of @held: its key as printed, two numbers, who asked.

    Of what is held, they are bytes, and nanoseconds of CLOCK_MONOTONIC; of a call, its result and its number.
    """

    key: str
    bytes: int
    second: int
    top: Top

    @property
    def when(self) -> float:
        """When it was taken, in seconds of CLOCK_MONOTONIC."""
        return self.second / 1e9

    @property
    def address(self) -> int:
        """Printed with a sign, for it is a number of 64 bits."""
        return int(self.key) & _MASK


def read(lines: Iterable[str]) -> Said:
    """All that it said; a last line that is cut is left out."""
    said = Said()
    for line in lines:
        try:
            one = json.loads(line)
        except ValueError:
            if (lost := _LOST.search(line)) is not None:
                said.lost_events += int(lost[1])
            continue
        if not isinstance(one, dict):
            continue
        kind, data = one.get("type"), one.get("data")
        if kind in ("map", "stats", "hist") and isinstance(data, dict):
            for name, values in data.items():
                said.maps[name.removeprefix("@")] = values
        elif kind == "printf" and isinstance(data, str):
            said.printed.append(data)
        elif kind == "lost_events" and isinstance(data, dict):
            said.lost_events += int(data.get("events", 0))
    return said


def blocks(said: Said) -> list[Block]:
    """What is in @held, with the stacks in @w0, @w1, …: a tuple of two numbers, ip, sp, bp."""
    found = []
    windows = [said.maps.get(f"w{nth}", {}) for nth in range(WINDOWS)]
    for key, (size, second, ip, sp, bp) in said.maps.get("held", {}).items():
        stack = b""
        for window in windows:
            part = buffer(window.get(key, ""))
            if part is None:
                break
            stack += part
        top = Top(ip & _MASK, sp & _MASK, bp & _MASK, stack)
        found.append(Block(key, size & _MASK, second & _MASK, top))
    return found


def buffer(text: str) -> bytes | None:
    """The bytes of a window; None where what is printed has not one meaning of its length."""
    if text.count("\\") == text.count(
        "\\x"
    ):  # nearly always; tens of thousands of them come at once
        try:
            raw = text.encode("latin-1").decode("unicode_escape")
        except UnicodeDecodeError:
            raw = ""
    else:
        raw = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return raw.encode("latin-1") if len(raw) == WINDOW else None
