"""What mappings of files show: how much of them is resident, copied, and mapped again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from memlab.diagnose.account import Account
from memlab.model.classify import Regions
from memlab.model.memory import Basis, Pattern, RegionKind
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.units import KIB, format_bytes

# a touch of one page of a file maps those around it that are in the cache, 16 at most
# (mm/memory.c, fault_around_bytes)
FAULT_AROUND = 64 * KIB
_FILE_KINDS = (RegionKind.FILE_TEXT, RegionKind.FILE_DATA, RegionKind.FILE_READONLY)


def file_account(recording: Recording, pattern: Pattern) -> Account:
    """Resident and swapped bytes of the private or of the shared mappings of files.

    A file that is mapped once is resident as far as it was touched, and no further than it is
    mapped: its code as it is first run, its data as it is read. Only what is mapped more and more
    can be a leak, so the account is bound to the size of the mappings.
    """
    kind = "private" if pattern is Pattern.PRIVATE_FILE else "shared"

    def footprint(sample: Sample) -> float | None:
        regions = sample.regions
        return None if regions is None else float(regions.footprint[_rows(regions, pattern)].sum())

    def size(sample: Sample) -> float | None:
        regions = sample.regions
        return None if regions is None else float(_sizes(regions)[_rows(regions, pattern)].sum())

    return Account(
        (pattern,),
        Basis.RESIDENT,
        FAULT_AROUND,
        recording.collect(pattern, footprint, source="smaps Rss + Swap"),
        f"{kind} mappings of files",
        "smaps Rss + Swap",
        mapped=recording.collect(f"{pattern} size", size, source="smaps Size"),
    )


def _rows(regions: Regions, pattern: Pattern | None) -> NDArray[np.bool_]:
    private = regions.private if pattern is Pattern.PRIVATE_FILE else ~regions.private
    return regions.of(*_FILE_KINDS) & private


def _sizes(regions: Regions) -> NDArray[np.int64]:
    return regions.smaps.end.astype(np.int64) - regions.smaps.start.astype(np.int64)


def most_mapped(recording: Recording, pattern: Pattern | None) -> list[tuple[str, int, int]]:
    """(file, mappings at first, mappings in the end) of the files of which more is mapped, the most first."""
    looked = [sample.regions for sample in recording if sample.regions is not None]
    if len(looked) < 2:
        return []
    sizes: list[Counter[str]] = []
    counts: list[Counter[str]] = []
    for regions in (looked[0], looked[-1]):
        size = _sizes(regions)
        rows = [int(row) for row in np.flatnonzero(_rows(regions, pattern))]
        names = [regions.smaps.names[row] for row in rows]
        counts.append(Counter(names))
        sizes.append(Counter())
        for name, row in zip(names, rows, strict=True):
            sizes[-1][name] += int(size[row])
    growth = {name: size - sizes[0][name] for name, size in sizes[1].items()}
    grown = sorted((name for name in growth if growth[name] > 0), key=lambda name: -growth[name])
    return [(name, counts[0][name], counts[1][name]) for name in grown]


def copied(recording: Recording, pattern: Pattern | None) -> float:
    """How many bytes more of its private mappings were written, and so are copies of its own."""

    def anonymous(sample: Sample) -> float | None:
        regions = sample.regions
        if regions is None or "anonymous" not in regions.smaps.columns:
            return None
        rows = _rows(regions, pattern)
        return float((regions.smaps.column("anonymous") + regions.swap)[rows].sum())

    return recording.collect("copied", anonymous).growth


def file_evidence(recording: Recording, account: Account) -> Iterator[str]:
    """How often the file is mapped, and whose pages these are."""
    for name, before, after in most_mapped(recording, account.pattern)[:1]:
        yield f"mappings of {name}: {before} to {after}"
    if account.pattern is not Pattern.PRIVATE_FILE:
        yield "the pages are the page cache's: the kernel may write them back and drop them"
        return
    if all(sample.regions is None for sample in recording):
        return  # a log of calls says nothing of pages
    own = copied(recording, account.pattern)
    rest = account.series.growth - own
    yield (
        f"{format_bytes(own)} of it were written, and so copied: anonymous pages, of this process alone;"
        f" {format_bytes(rest)} are the page cache's, shared by all who map the file (Pss tells it)"
    )
