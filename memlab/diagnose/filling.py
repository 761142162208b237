"""Growth inside mappings that were there before: it ends where they are full.

A block that was allocated at once is in no Rss until it is touched (mm/memory.c, do_anonymous_page): a buffer
that fills, shared memory that one process touches page by page, a runtime's heap up to its first collection.
They grow as evenly as a leak, with an end that is known: what is mapped. What leaks is allocated anew and goes
beyond it, so that the address space grows with the memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memlab.diagnose.account import Account
from memlab.diagnose.accounts import SMAPS_SOURCE, kinds_of
from memlab.diagnose.stacks import unguarded_is_memory
from memlab.diagnose.trend import Shape, Trend, trend
from memlab.model.classify import Regions
from memlab.model.memory import Pattern, RegionKind
from memlab.model.recording import Recording
from memlab.model.sample import Sample


@dataclass(frozen=True)
class Room:
    """Of what grew since the first look: bytes beyond what was mapped then, and bytes that are not touched yet."""

    beyond: int
    left: int


def filling(recording: Recording, account: Account, found: Trend) -> Trend:
    """The trend; of a growth that only fills what was mapped, as such, with the seconds until that is full."""
    kinds = kinds_of(account.pattern) if account.source == SMAPS_SOURCE else ()
    if found.shape is not Shape.RISING or not kinds or found.rate <= 0:
        return found
    usable = _Usable(kinds, account.pattern is Pattern.ANONYMOUS and unguarded_is_memory(recording))
    looked = [sample.regions for sample in recording if sample.regions is not None]
    room = _room(looked[0], looked[-1], usable)
    if 2 * room.beyond >= found.growth:
        return found
    mapped = recording.collect("mapped", lambda sample: _mapped(sample, usable))
    if trend(mapped, account.quantum).shape is Shape.RISING:
        return found
    return replace(found, shape=Shape.FILLING, decided_after=room.left / found.rate)


@dataclass(frozen=True)
class _Usable:
    """The rows of an account that may be touched: a reserve becomes usable only when it is asked for.

    unguarded: with what looks like stacks without guards, and is memory.
    """

    kinds: tuple[RegionKind, ...]
    unguarded: bool

    def __call__(self, regions: Regions) -> NDArray[np.bool_]:
        rows = regions.of(*self.kinds)
        if self.unguarded:
            rows |= regions.guardless_stacks
        for row in map(int, np.flatnonzero(rows)):
            rows[row] = not regions.smaps.perms[row].startswith("---")
        return rows


def _mapped(sample: Sample, usable: _Usable) -> float | None:
    if sample.regions is None:
        return None
    return float(_sizes(sample.regions)[usable(sample.regions)].sum())


def _room(before: Regions, after: Regions, usable: _Usable) -> Room:
    """Mapping by mapping: one continues those that it overlaps."""
    starts, ends = before.smaps.start, before.smaps.end
    there, sizes = usable(before), _sizes(before)
    beyond = left = 0
    for row in map(int, np.flatnonzero(usable(after))):
        first = int(np.searchsorted(ends, after.smaps.start[row], side="right"))
        last = int(np.searchsorted(starts, after.smaps.end[row], side="left"))
        old = int(sizes[first:last][there[first:last]].sum())
        touched = int(after.footprint[row])
        beyond += max(0, touched - old)
        if old:
            left += int(_sizes(after)[row]) - touched
    return Room(beyond, left)


def _sizes(regions: Regions) -> NDArray[np.int64]:
    return regions.smaps.end.astype(np.int64) - regions.smaps.start.astype(np.int64)
