"""Whose frame a page of the main stack lies in: not who touched it first, which may be a helper of the owner.

The stack is read as it stands (/proc/PID/mem). Right below a frame lies the return address that its function
pushed when it called on (System V ABI, AMD64, 3.2.2), and that address is in the function itself. A word counts as one
where it points into code, right behind a call instruction.
"""

from __future__ import annotations

import array
import os
from bisect import bisect_left
from collections.abc import Sequence

from memlab.procfs.maps import Mapping
from memlab.trace import ptrace
from memlab.trace.lines import Place

_WORD = 8
_MOST_BYTES = 64 << 20  # ulimit -s is 8 MiB as a rule, and may be without a limit


def owners(pid: int, addresses: Sequence[int], mapped: Sequence[Mapping]) -> dict[int, Place]:
    """For addresses in [stack] the call in the function whose frame holds them; what is not known is left out."""
    stack = next((one for one in mapped if one.name == "[stack]"), None)
    wanted = sorted(one for one in addresses if stack and stack.start <= one < stack.end)
    if stack is None or not wanted or wanted[-1] - stack.start > _MOST_BYTES:
        return {}
    raw = ptrace.read(pid, stack.start, wanted[-1] - stack.start)
    words = array.array("Q", raw[: len(raw) // _WORD * _WORD])
    code = [one for one in mapped if "x" in one.perms and one.name.startswith("/")]
    calls = _Calls(pid, code)
    at = [
        nth for nth, word in enumerate(words) if calls.low <= word < calls.high and calls.has(word)
    ]
    found = {}
    for address in wanted:
        nearest = bisect_left(at, (address - stack.start) // _WORD) - 1
        if nearest >= 0 and (place := calls.place(words[at[nearest]])) is not None:
            found[address] = place
    return found


class _Calls:
    """The code of a process: which addresses lie right behind a call."""

    def __init__(self, pid: int, code: Sequence[Mapping]) -> None:
        self._pid, self._code = pid, code
        self._starts = [one.start for one in code]
        self._known: dict[int, bool] = {}
        self.low = min(self._starts, default=0)
        self.high = max((one.end for one in code), default=0)

    def has(self, address: int) -> bool:
        """Whether it is a return address."""
        if address not in self._known:
            where = self._mapping(address)
            before = ptrace.read(self._pid, address - _WORD, _WORD) if where else b""
            self._known[address] = len(before) == _WORD and _ends_in_call(before)
        return self._known[address]

    def place(self, address: int) -> Place | None:
        """In its file."""
        where = self._mapping(address)
        return None if where is None else Place(where.name, address - where.start + where.offset)

    def _mapping(self, address: int) -> Mapping | None:
        at = bisect_left(self._starts, address + 1) - 1
        return self._code[at] if at >= 0 and address < self._code[at].end else None


def _ends_in_call(code: bytes) -> bool:
    """x86-64: call rel32, or an indirect call of 2, 3, 6 or 7 bytes (opcode FF, /2); arm64: bl, blr."""
    if os.uname().machine == "aarch64":
        word = int.from_bytes(code[-4:], "little")
        return word >> 26 == 0x25 or word & 0xFFFFFC1F == 0xD63F0000
    if code[-5] == 0xE8:
        return True
    return any(code[-size] == 0xFF and code[1 - size] >> 3 & 7 == 2 for size in (2, 3, 6, 7))
