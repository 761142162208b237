"""What one look says by itself, before any growth is seen: whoever attaches late has this at once.

Facts and what they mean, no verdict: a program may have started as many threads, or opened as many files, on
purpose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from memlab.diagnose.between_looks import between_looks
from memlab.diagnose.narrowed import copied
from memlab.model.classify import Regions
from memlab.model.memory import RegionKind
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.units import KIB, format_bytes

# two things of one size are a chance, three are a habit: as with equal steps
_HABIT = 3
# the limit that a program has where nobody set another (include/uapi/linux/fs.h, INR_OPEN_CUR)
_USUAL_DESCRIPTORS = 1024


def standing(recording: Recording) -> tuple[str, ...]:
    """Sentences about the last look at each thing, most telling first; what inputs said of themselves too."""
    looked = next((s for s in reversed(recording.samples) if s.regions is not None), None)
    said: list[str] = []
    if looked is not None:
        assert looked.regions is not None
        said += _stacks(looked, looked.regions)
        said += _equal_mappings(looked.regions)
        said += _given_back(looked.regions)
        said += _deleted(looked.regions)
        said += _map_count(recording, looked.regions)
    if recording.header.asked.get("pasted"):
        said += _between_copies(recording)
        said += between_looks(recording)
    said += _descriptors(recording)
    return (*said, *recording.told)


def _between_copies(recording: Recording) -> Iterator[str]:
    """Of copies without a time nobody knows a rate, but what has more in the later one is plain."""
    looked = copied(recording)
    if len(looked) < 2:
        return
    before, after = looked[0].footprint_by_kind, looked[-1].footprint_by_kind
    grown = {kind: after[kind] - before[kind] for kind in after if after[kind] > before[kind]}
    for kind in sorted(grown, key=lambda kind: -grown[kind])[:3]:
        yield f"{kind.label} has {format_bytes(grown[kind])} more in the last of {len(looked)} copies than in the first"


def _stacks(sample: Sample, regions: Regions) -> Iterator[str]:
    """A stack beyond the threads that run is of one that ended: glibc keeps 40 MiB of those to use again."""
    rows = np.flatnonzero(regions.of(RegionKind.THREAD_STACK))
    sizes = [regions.smaps.row(int(row)) for row in rows]
    stacks = Counter(row.size for row in sizes if row.perms.startswith("rw"))
    if not stacks:
        return
    size, count = stacks.most_common(1)[0]
    guards = Counter(row.size for row in sizes if row.perms.startswith("---"))
    beside = f" beside a guard of {guards.most_common(1)[0][0] // KIB:,} kB ---p" if guards else ""
    total = sum(stacks.values())
    yield (
        f"{total:,} mapping{'s' if total > 1 else ''} shaped like a thread stack,"
        f" {count:,} of {size // KIB:,} kB rw-p{beside}"
    )
    threads = sample.stat.num_threads if sample.stat else None
    if threads is not None and total > threads - 1:
        # nptl/allocatestack.c, stack_cache_maxsize
        extra = total - (threads - 1)
        yield (
            f"{extra:,} of these stacks belong{'s' if extra == 1 else ''} to no thread that runs: to threads that"
            " ended and were not joined, or to glibc's cache, which holds 40 MiB at most"
        )


def _equal_mappings(regions: Regions) -> Iterator[str]:
    rows = np.flatnonzero(regions.of(RegionKind.PLAIN_ANONYMOUS))
    sizes = Counter((regions.smaps.end[rows] - regions.smaps.start[rows]).tolist())
    for size, count in sizes.most_common(1):
        if count >= _HABIT and 2 * count > len(rows):
            yield f"{count:,} of {len(rows):,} anonymous mappings have {int(size) // KIB:,} kB each"


def _given_back(regions: Regions) -> Iterator[str]:
    for name, words in (
        ("lazy_free", "was freed with MADV_FREE and stays in RSS until the kernel needs it"),
        ("swap", "is in swap, and in no RSS"),
    ):
        size = regions.smaps.total(name) if name in regions.smaps.columns else 0
        if size:
            yield f"{format_bytes(size)} of its memory {words}"


def _deleted(regions: Regions) -> Iterator[str]:
    """A file without a name keeps its memory, or its disk, as long as it is mapped."""
    names = regions.smaps.names
    deleted = {
        name
        for name, kind in zip(names, regions.kinds, strict=True)
        if name.endswith(" (deleted)") and RegionKind(int(kind)) not in _SHARED_MEMORY
    }
    if deleted:
        yield f"{len(deleted):,} mapped file{'s' if len(deleted) > 1 else ''} were deleted: {min(deleted)}"


# shared anonymous memory and memfds never had a name
_SHARED_MEMORY = (RegionKind.SHARED_ANONYMOUS, RegionKind.MEMFD, RegionKind.SYSV_SHM)


def _map_count(recording: Recording, regions: Regions) -> Iterator[str]:
    most = recording.header.host.get("limits", {}).get("max_map_count")
    if most and len(regions.smaps) > most / 2:
        yield f"{len(regions.smaps):,} mappings of {most:,} that vm.max_map_count allows"


def _descriptors(recording: Recording) -> Iterator[str]:
    there = next((s.fd_count for s in reversed(recording.samples) if s.fd_count is not None), 0)
    most = recording.header.host.get("limits", {}).get("open_files")
    if most and there > min(_USUAL_DESCRIPTORS, most / 2):
        yield f"{there:,} descriptors are open of {most:,} that its RLIMIT_NOFILE allows"
    looked = next((s for s in reversed(recording.samples) if s.fds is not None), None)
    if looked is None:
        return
    targets = Counter(entry.target for entry in looked.fds or () if entry.target.startswith("/"))
    for target, count in targets.most_common(1):
        if count >= _HABIT and target != "/dev/null":
            yield f"{count:,} descriptors lead to {target}"
