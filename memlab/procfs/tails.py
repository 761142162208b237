"""What stands behind the offset in a line of maps or smaps: device, inode and name."""

from __future__ import annotations

from functools import lru_cache

from memlab.procfs.maps import parse_tail

_MOST = 1 << 14
Tail = tuple[str, int, str]


class Odd(Exception):
    """This text is not laid out as it should be: only the line reader can say what it is."""


@lru_cache(_MOST)
def parse(tail: bytes) -> Tail:
    """(device, inode, name); raises Odd. Many mappings, and processes, share a file."""
    if b"\n" in tail:
        raise Odd
    try:
        return parse_tail(tail.decode(errors="surrogateescape"))
    except ValueError:
        raise Odd from None
