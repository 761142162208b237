"""The ring against a plain list."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlab.widgets.ring import Ring

# how many rows each append brings, and which of three columns they have
APPENDS = st.lists(st.tuples(st.integers(0, 9), st.sets(st.sampled_from("abc"))), max_size=30)


@given(capacity=st.integers(1, 6), appends=APPENDS)
def test_it_keeps_the_latest_rows_whatever_comes(
    capacity: int, appends: list[tuple[int, set[str]]]
) -> None:
    ring, rows = Ring(capacity), []
    for count, names in appends:
        numbers = [float(len(rows) + i) for i in range(count)]
        ring.append(numbers, dict.fromkeys(names, numbers))
        rows += [(n, dict.fromkeys(names, n)) for n in numbers]
    assert ring.end == len(rows)
    kept = rows[-capacity:]
    assert ring.first == len(rows) - len(kept)
    assert ring.times().tolist() == [time for time, _ in kept]
    for name in "abc":
        expected = [values.get(name, math.nan) for _, values in kept]
        np.testing.assert_array_equal(ring.column(name), expected)


def test_rows_from_a_number_on() -> None:
    ring = Ring(4)
    ring.append(range(6), {"a": range(6)})
    assert ring.times(4).tolist() == [4.0, 5.0]
    assert ring.times(0).tolist() == [2.0, 3.0, 4.0, 5.0]
    assert ring.table(["a"], 5).tolist() == [[5.0], [5.0]]
    assert ring.table(["a"], 6).shape == (2, 0)


def test_a_column_of_another_length_is_refused_and_nothing_is_added() -> None:
    ring = Ring(4)
    with pytest.raises(ValueError, match="'a' has 1 values for 2 times"):
        ring.append([1, 2], {"a": [1]})
    assert ring.end == 0


def test_after_a_clear_numbering_goes_on() -> None:
    ring = Ring(4)
    ring.append([0, 1], {"a": [0, 1]})
    ring.clear()
    ring.append([7], {"b": [1]})
    assert (ring.first, ring.end, ring.names) == (2, 3, ("b",))
    assert ring.times().tolist() == [7.0]
