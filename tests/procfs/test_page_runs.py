"""Runs of pages cut by mappings, against counting page by page."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from memlab.procfs.page_runs import Category, PageRuns

_KINDS = (Category.PRESENT, Category.PRESENT | Category.FILE, Category.SWAPPED)


@st.composite
def pieces(draw):
    """Some (first page, page behind the last), in order, side by side or apart."""
    edges = sorted(draw(st.sets(st.integers(0, 60), max_size=20)))
    return [pair for pair in pairwise(edges) if draw(st.integers(0, 3))]


def column(numbers):
    return np.array(numbers, dtype=np.uint64)


@given(pieces(), pieces(), st.data())
def test_as_page_by_page(runs, spans, data):
    kinds = [data.draw(st.sampled_from(_KINDS)) for _ in runs]
    found = PageRuns(
        column([low for low, _ in runs]), column([high for _, high in runs]), column(kinds), True
    )
    within = found.within(column([low for low, _ in spans]), column([high for _, high in spans]))
    for wanted in Category.PRESENT, Category.FILE, Category.SWAPPED, Category.HUGE:
        pages = {
            page
            for (low, high), kind in zip(runs, kinds, strict=True)
            if kind & wanted
            for page in range(low, high)
        }
        counted = [len(pages.intersection(range(low, high))) for low, high in spans]
        assert within.bytes_of(found.has(wanted)).tolist() == counted
        assert bool(found.anywhere & wanted) == bool(pages)
