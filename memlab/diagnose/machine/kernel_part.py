"""How an account of the kernel's memory, or of shared memory, is made of a series."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from memlab.diagnose.account import Account
from memlab.diagnose.sums import Part
from memlab.model.memory import Basis, Pattern
from memlab.model.series import Series
from memlab.units import PAGE_BYTES

# a slab has up to eight pages (mm/slub.c, PAGE_ALLOC_COSTLY_ORDER)
SLAB_BYTES = 8 * PAGE_BYTES


def kernel_part(
    series: Series,
    where: str,
    source: str,
    then: str,
    grain: float = PAGE_BYTES,
    candidates: tuple[Pattern, ...] = (Pattern.KERNEL,),
    evidence: Callable[[], Iterable[str]] = tuple,
) -> Part:
    """Of no process; swap-backed where it is neither the kernel's nor page tables."""
    kernel = candidates[0] in (Pattern.KERNEL, Pattern.PAGE_TABLE)
    basis = Basis.KERNEL if kernel else Basis.SWAP_BACKED
    return Part(Account(candidates, basis, grain, series, where, source), then, evidence=evidence)
