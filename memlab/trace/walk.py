"""From a few registers and a copy of the top of a stack to its callers, also where nobody keeps frame pointers."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from memlab.procfs.maps import Mapping
from memlab.trace import cfi
from memlab.trace.lines import Place

_MOST_FRAMES = 64


@dataclass(frozen=True)
class Top:
    """The user's instruction, stack and frame pointer, and the bytes of the stack from `sp` on."""

    ip: int
    sp: int
    bp: int
    stack: bytes

    def word(self, address: int) -> int | None:
        """What stands at an address; None beyond the copy."""
        at = address - self.sp
        if at < 0 or at + 8 > len(self.stack):
            return None
        return int(struct.unpack_from("<Q", self.stack, at)[0])


class Space:
    """The address space whose stacks are walked: one look at its mappings."""

    def __init__(self, pid: int, mappings: Sequence[Mapping]) -> None:
        self._pid, self._mappings = pid, mappings
        self._starts = [one.start for one in mappings]
        self._tables: dict[tuple[str, int], cfi.Table | None] = {}
        self._walked: dict[Top, tuple[Place, ...]] = {}

    def mapping(self, address: int) -> Mapping | None:
        """Which holds it."""
        at = bisect_right(self._starts, address) - 1
        return self._mappings[at] if at >= 0 and address < self._mappings[at].end else None

    def walk(self, top: Top) -> tuple[Place, ...]:
        """Innermost first; it ends where the copy does, or where no rule is known."""
        if (known := self._walked.get(top)) is None:
            known = self._walked[top] = tuple(self._walk(top))
        return known

    def _walk(self, top: Top) -> list[Place]:
        ip, sp, bp, found = top.ip, top.sp, top.bp, list[Place]()
        while len(found) < _MOST_FRAMES:
            one = self.mapping(ip)
            if one is None or "x" not in one.perms:
                break
            offset = ip - one.start + one.offset
            name = one.name.removesuffix(" (deleted)")
            if name.startswith("/"):
                found.append(Place(name, offset))
            rule = self._rule(one, offset)
            if rule is None:
                # code that a program made itself, or without tables: a chain of frame pointers, if there is one
                rule = cfi.Rule(cfi.BP, 16, -8, -16)
            cfa = (bp if rule.register == cfi.BP else sp) + rule.offset
            if rule.ra is None or cfa <= sp:
                break
            back = top.word(cfa + rule.ra)
            if back is None:
                break
            if rule.bp is not None:
                bp = top.word(cfa + rule.bp) or 0
            ip, sp = back, cfa
        return found

    def _rule(self, one: Mapping, offset: int) -> cfi.Rule | None:
        """For the call before a return address."""
        key = one.device, one.inode
        if key not in self._tables:
            self._tables[key] = None
            if one.name.startswith("/"):
                try:
                    self._tables[key] = cfi.Table(link(self._pid, one))
                except OSError:
                    pass
        table = self._tables[key]
        return None if table is None else table.rule(table.address(offset) - 1)


def link(pid: int, one: Mapping) -> str:
    """The file of a mapping itself, also where it was replaced or lies in another root (proc_pid_map_files(5))."""
    return f"/proc/{pid}/map_files/{one.start:x}-{one.end:x}"
