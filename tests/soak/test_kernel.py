"""The kernel with kmemleak, from its source to the lab's table: minutes, the first time many of them."""

from __future__ import annotations

import pytest

from memlab.errors import MemlabError
from memlab.lab.guest import cache, full
from memlab.lab.guest.labs import kmemleak, price

pytestmark = [pytest.mark.soak, pytest.mark.live, pytest.mark.needs("qemu-system-x86_64")]


@pytest.fixture(scope="module")
def kernel() -> cache.Kernel:
    """The user's own, or one that is built now."""
    try:
        return cache.ready("full")
    except MemlabError:
        return full.make(print)


def test_it_has_what_the_quick_one_lacks(kernel: cache.Kernel) -> None:
    assert kernel.has("DEBUG_KMEMLEAK")
    assert kernel.has("PAGE_OWNER")


def test_kmemleak_finds_what_is_lost_and_not_what_is_pointed_to(kernel: cache.Kernel) -> None:
    rows = {row.kind: row for row in kmemleak.measure("full", print).rows}
    lost, kept = rows["kmalloc, zeroed"], rows["kept in a list"]
    assert lost.at_once == 0
    assert lost.second >= 0.8 * kmemleak.OBJECTS
    assert kept.second == rows["a stale number points"].second == rows["alloc_pages"].second == 0
    # who asked is known all the same
    assert kept.slub >= kmemleak.OBJECTS
    assert rows["alloc_pages"].pages >= kmemleak.OBJECTS


def test_kmemleak_is_dear(kernel: cache.Kernel) -> None:
    found = price.measure("full", print)
    assert found["kmemleak"]["kmalloc_ns"] > 3 * found["none"]["kmalloc_ns"]
