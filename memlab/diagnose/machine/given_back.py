"""What grows on a machine and is no leak: the kernel gives it back when memory is short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memlab.diagnose.machine.caches import Caches
from memlab.diagnose.machine.lines import LINE, PAGE_CACHE, RECLAIMABLE_SLABS, grain
from memlab.diagnose.sums import Part
from memlab.errors import Denied, Gone, Unsupported
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.slab_words import lies_in
from memlab.procfs import dentry_state
from memlab.units import format_bytes

_SHOWN = 2  # caches
# sizeof(struct dentry) on 64-bit machines (include/linux/dcache.h)
_DENTRY_BYTES = 192


def grown(parts: Sequence[Part]) -> float:
    """By how many bytes, in sum; what shrank counts against it."""
    return sum(part.account.series.growth for part in parts if part.reclaimable)


def named(recording: Recording, parts: Sequence[Part], found: Caches) -> str:
    """What grew by more than the machine's counters lag, and what is known of it; empty where nothing did."""
    least = grain(recording)
    said = []
    for part in parts:
        grew = part.account.series.growth
        is_slab = part.account.source == LINE + RECLAIMABLE_SLABS
        if part.reclaimable and grew >= least and not (is_slab and found.given_back):
            said.append(f"{part.account.where} {format_bytes(grew)}{_not_yet(recording, part)}")
    return ", ".join([*said, *_caches(found, least), *_negative(recording, least)])


def _not_yet(recording: Recording, part: Part) -> str:
    """How much of the page cache has to be written first."""
    if part.account.source != LINE + PAGE_CACHE:
        return ""
    grew = part.account.series.growth
    waits = sum(recording.series(f"meminfo.{name}").growth for name in ("dirty", "writeback"))
    is_worth_a_word = waits >= grew / 10
    return (
        f" ({format_bytes(min(waits, grew))} of it waits to be written)" if is_worth_a_word else ""
    )


def _caches(found: Caches, least: float) -> Iterator[str]:
    """Caches one by one: while one of them grows others may shrink."""
    most = sorted(found.given_back.values(), key=lambda series: -series.growth)[:_SHOWN]
    for series in most:
        if series.growth >= least:
            words = lies_in(series.name)
            named = f"slab cache {series.name} {format_bytes(series.growth)}"
            yield f"{named} ({words})" if words else named


def _negative(recording: Recording, least: float) -> Iterator[str]:
    names = recording.collect("negative dentries", _negative_names, unit="count")
    if names.growth * _DENTRY_BYTES >= least:
        yield f"{names.growth:,.0f} names that were looked up and are not there (dentry-state)"


def _negative_names(sample: Sample) -> float | None:
    try:
        found = dentry_state.read(sample.host)
    except (Denied, Gone, Unsupported):
        return None
    return None if found.nr_negative is None else float(found.nr_negative)
