"""What an account is: one pattern's series, its basis, and the grain in which it moves by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memlab.model.memory import Basis, Pattern, RegionKind
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.units import KIB

# malloc asks the kernel for its request plus M_TOP_PAD, 128 KiB (malloc/malloc.c, sysmalloc)
TOP_PAD = 128 * KIB
# mmap threshold of malloc: the smallest block that becomes a mapping of its own; smaller
# anonymous growth comes from something else that settles
MMAP_THRESHOLD = 128 * KIB

# what lies in RssAnon (mm/memory.c, mm_counter)
IN_RSS_ANON = (
    Pattern.HEAP,
    Pattern.ARENA,
    Pattern.ANONYMOUS,
    Pattern.THREAD_STACK,
    Pattern.MAIN_STACK,
    Pattern.PRIVATE_FILE,
)


@dataclass(frozen=True)
class Account:
    """One pattern's account in one recording; `resident` is set where `series` is virtual.

    candidates: the patterns whose growth shows here, more than one where no mappings were read;
    mapped: the address space that bounds the series, where touching what is mapped already is no
    leak; unit: bytes, or a word for the things that are counted.
    """

    candidates: tuple[Pattern, ...]
    basis: Basis
    quantum: float
    series: Series
    where: str
    source: str
    resident: Series | None = None
    mapped: Series | None = None
    unit: str = "bytes"

    @property
    def pattern(self) -> Pattern | None:
        """The one that it is of, where that is known."""
        return self.candidates[0] if len(self.candidates) == 1 else None


def over_kinds(attribute: str, kinds: tuple[RegionKind, ...]) -> Callable[[Sample], float | None]:
    """A column of `Regions` summed over some kinds, for `Recording.collect`; None where no mappings were read."""

    def get(sample: Sample) -> float | None:
        if sample.regions is None:
            return None
        by_kind: dict[RegionKind, int] = getattr(sample.regions, attribute)
        return float(sum(by_kind[kind] for kind in kinds))

    return get
