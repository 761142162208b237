"""What stands behind the offset in a line of maps or smaps: device, inode and name, each kind once."""

from __future__ import annotations

from memlab.procfs.maps import parse_tail

_MOST = 100_000
Tail = tuple[str, int, str]


class Odd(Exception):
    """This text is not laid out as it should be: only the line reader can say what it is."""


class Tails:
    """Many mappings share a file, and nearly all of the others have none."""

    def __init__(self) -> None:
        self._known: dict[bytes, Tail] = {}

    def parse(self, tail: bytes) -> Tail:
        """(device, inode, name); raises Odd."""
        known = self._known.get(tail)
        if known is None:
            if b"\n" in tail:
                raise Odd
            try:
                known = parse_tail(tail.decode(errors="surrogateescape"))
            except ValueError:
                raise Odd from None
            if len(self._known) > _MOST:
                self._known.clear()
            self._known[tail] = known
        return known
