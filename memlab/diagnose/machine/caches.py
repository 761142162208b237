"""Slab caches over time (root only): which of them grow, and whether the kernel gives that back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from memlab.diagnose.machine.kernel_part import SLAB_BYTES, kernel_part
from memlab.diagnose.sums import Part
from memlab.errors import Denied, Gone, Unsupported
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.model.slab_words import FREED_WITH_INODES, lies_in
from memlab.procfs import slabinfo

CACHES = "slabinfo"


@dataclass(frozen=True)
class Caches:
    """Bytes of each cache over time, by whether it is reclaimable; those of which that is not known are in neither."""

    kept: dict[str, Series]
    given_back: dict[str, Series]


def caches(recording: Recording) -> Caches:
    """Of those that are there at the end; which are reclaimable is read at the last look."""
    seen = [(sample, slabs) for sample in recording if (slabs := _slabs(sample)) is not None]
    kept: dict[str, Series] = {}
    given_back: dict[str, Series] = {}
    if len(seen) < 2:
        return Caches(kept, given_back)
    times = np.array([sample.monotonic for sample, _ in seen])
    last = seen[-1][0].texts.files
    for name in seen[-1][1]:
        answer = last.get(f"/sys/kernel/slab/{name}/reclaim_account", b"").strip()
        values = np.array([slabs.get(name, 0) for _, slabs in seen], np.float64)
        if answer in (b"0", b"1"):
            is_kept = answer == b"0" and name not in FREED_WITH_INODES
            into = kept if is_kept else given_back
            into[name] = Series(name, times, values, "bytes", CACHES)
    return Caches(kept, given_back)


def cache_parts(found: Caches) -> Iterator[Part]:
    """Those that the kernel keeps; what is in neither is in the line of SUnreclaim only."""
    for name, series in found.kept.items():
        words = lies_in(name)
        said = (f"in it lie {words}",) if words else ()
        yield kernel_part(
            series,
            f"slab cache {name}",
            CACHES,
            f"sudo slabtop -s c; sudo cat /sys/kernel/debug/slab/{name}/alloc_traces (with slub_debug=U)",
            SLAB_BYTES,
            evidence=partial(iter, said),
        )


def _slabs(sample: Sample) -> dict[str, int] | None:
    try:
        found = slabinfo.read(sample.host).caches
    except (Denied, Gone, Unsupported):
        return None
    sums: dict[str, int] = {}
    for cache in found:  # two may have one name
        sums[cache.name] = sums.get(cache.name, 0) + cache.bytes
    return sums
