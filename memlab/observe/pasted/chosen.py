"""Which process of a log is judged, and which program a list of mappings is of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from memlab.errors import Refused
from memlab.units import format_bytes

Process = tuple[int, str]
MOST_NAMED = 3


def choose(growths: Mapping[Process, float], pid: int | None, looks: int) -> tuple[Process, str]:
    """One of the processes of a log, and why it and no other; bytes of address space and memory that each grew by.

    `pid` is the one that was asked for. Without it the one that grew most, or the largest where there is
    one look only: `growths` are sizes then. Raises Refused where the log does not have it.
    """
    order = sorted(growths, key=lambda one: -growths[one])
    if pid is not None:
        order = [one for one in order if one[0] == pid]
        if not order:
            there = ", ".join(_named(one) for one in list(growths)[:MOST_NAMED])
            more = ", …" if len(growths) > MOST_NAMED else ""
            raise Refused(f"there is no pid {pid} in it", f"there is {there}{more}")
    chosen = order[0]
    if len(growths) == 1:
        return chosen, ""
    among = f"; of {len(growths)} processes "
    if pid is not None:
        return chosen, f"{among}the one that was asked for"
    if looks < 2:
        return chosen, f"{among}taken because it is the largest (--pid names another)"
    others = [one for one in order[1:] if growths[one] > 0]
    by = f"taken because VSZ and RSS together grew most, by {format_bytes(growths[chosen])}"
    if growths[chosen] <= 0:
        return chosen, f"{among}none grew; --pid names another"
    if not others:
        return chosen, f"{among}{by}; no other grew"
    named = ", ".join(f"{_named(one)} {format_bytes(growths[one])}" for one in others[:MOST_NAMED])
    rest = len(others) - MOST_NAMED
    more = f" and {rest} more" if rest > 0 else ""
    return chosen, f"{among}{by}; also grew: {named}{more} (--pid names another)"


def _named(one: Process) -> str:
    return f"{one[1]} (pid {one[0]})"


def program_of(mappings: Iterable[tuple[str, str]]) -> str | None:
    """Of (mode, name) in order of address: the first file that may be executed and is no library.

    A program lies below its libraries (fs/binfmt_elf.c, ELF_ET_DYN_BASE, and mmap_base). None where a
    text is cut, and has no such line.
    """
    for mode, name in mappings:
        base = name.removesuffix(" (deleted)").rpartition("/")[2].strip()
        if "x" in mode and base and not base.startswith("[") and ".so" not in base:
            return base
    return None


def alike(one: str, other: str) -> bool:
    """Whether two names may be of one program: the kernel keeps 15 signs, top cuts with a +, paths may stand before."""
    first, second = (_plain(name) for name in (one, other))
    return first.startswith(second) or second.startswith(first)


def _plain(name: str) -> str:
    words = name.split()
    return words[0].rpartition("/")[2].rstrip("+")[:15] if words else ""
