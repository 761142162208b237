"""Whose growth it was: a process's growth, split among what grew, with what is left unexplained.

The whole is what the kernel counts (status), the parts are what it shows mapping by mapping (smaps): two
ways to one number. A residual is what was between the two readings, or what neither shows.
"""

from __future__ import annotations

from memlab.model.diagnosis import Attribution, Finding, Share
from memlab.model.memory import Basis, RegionKind
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.units import format_bytes

_SHOWN = 6  # parts that are named; the others are one line


def attribution(recording: Recording, findings: tuple[Finding, ...]) -> Attribution | None:
    """Of the address space where that is what leaks, else of the memory; None without two looks at smaps."""
    looked = [sample for sample in recording if sample.regions is not None]
    if len(looked) < 2:
        return None
    virtual = bool(findings) and findings[0].basis is Basis.VIRTUAL
    size = _vm_size if virtual else _memory
    before, after = size(looked[0]), size(looked[-1])
    if before is None or after is None:
        return None
    attribute = "virtual_by_kind" if virtual else "footprint_by_kind"
    source = "smaps Size" if virtual else "smaps Rss + Swap"
    growth = _growth(looked[0], looked[-1], attribute)
    if before == after and not growth:
        return None
    whole = "address space (statm size)" if virtual else "memory (status VmRSS + VmSwap)"
    return Attribution(whole, after - before, _shares(growth, source))


def _growth(first: Sample, last: Sample, attribute: str) -> dict[RegionKind, int]:
    before, after = (getattr(sample.regions, attribute) for sample in (first, last))
    return {kind: after[kind] - before[kind] for kind in RegionKind if after[kind] != before[kind]}


def _shares(growth: dict[RegionKind, int], source: str) -> tuple[Share, ...]:
    """The largest first; what is too small to be named is one."""
    kinds = sorted(growth, key=lambda kind: -abs(growth[kind]))
    shares = [Share(kind.label, growth[kind], source) for kind in kinds[:_SHOWN]]
    rest = sum(growth[kind] for kind in kinds[_SHOWN:])
    return (*shares, *([Share("all others", rest, source)] if rest else ()))


def unexplained(found: Attribution | None, findings: tuple[Finding, ...]) -> str | None:
    """A sentence where what was found is the smaller part of what the process grew by."""
    if found is None or found.bytes <= 0 or not findings:
        return None
    virtual = findings[0].basis is Basis.VIRTUAL
    told = sum(
        finding.bytes
        for finding in findings
        if finding.unit == "bytes" and (finding.basis is Basis.VIRTUAL) == virtual
    )
    if 2 * told >= found.bytes:
        return None
    return (
        f"of {format_bytes(found.bytes)} that the process grew by, the findings explain {format_bytes(told)}:"
        " the larger part is none of a leak's shape, or moved too unevenly to judge"
    )


def _vm_size(sample: Sample) -> int | None:
    return None if sample.statm is None else sample.statm.size


def _memory(sample: Sample) -> int | None:
    status = sample.status
    if status is None or status.vm_rss is None:
        return None
    return status.vm_rss + (status.vm_swap or 0)
