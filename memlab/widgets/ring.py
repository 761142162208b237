"""A bounded table of times and columns: what a chart remembers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Ring:
    """The latest `capacity` rows of float64: a time in seconds, and one value a column.

    Rows are numbered from 0 for ever: `first` is the oldest one kept, `end` the one to come.
    A column that is added late is NaN before.
    """

    def __init__(self, capacity: int) -> None:
        # twice the room: rows are moved to the front once in `capacity` appends only
        self._room = 2 * capacity
        self._capacity = capacity
        self._times = np.empty(self._room)
        self._columns: dict[str, Floats] = {}
        self._shift = 0  # the number of the row at index 0
        self.end = 0

    @property
    def first(self) -> int:
        """The number of the oldest row kept."""
        return max(self._shift, self.end - self._capacity)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order of appearance."""
        return tuple(self._columns)

    def append(self, times: ArrayLike, values: Mapping[str, ArrayLike]) -> int:
        """Add rows and return how many; a column that is not in `values` gets NaN.

        Raises ValueError when a column is not as long as `times`.
        """
        when = np.atleast_1d(np.asarray(times, dtype=np.float64))
        columns = {
            name: np.atleast_1d(np.asarray(v, dtype=np.float64)) for name, v in values.items()
        }
        for name, column in columns.items():
            if column.shape != when.shape:
                raise ValueError(f"{name!r} has {len(column)} values for {len(when)} times")
        dropped = max(0, len(when) - self._capacity)
        if dropped:  # nothing of before is kept either
            self.end += dropped
            self._shift = self.end
        self._write(when[dropped:], {name: column[dropped:] for name, column in columns.items()})
        return len(when)

    def _write(self, when: Floats, columns: Mapping[str, Floats]) -> None:
        count = len(when)
        self._make_room(count)
        start = self.end - self._shift
        for name in columns.keys() - self._columns.keys():
            self._columns[name] = np.full(self._room, np.nan)
        self._times[start : start + count] = when
        for name, kept in self._columns.items():
            kept[start : start + count] = columns.get(name, np.nan)
        self.end += count

    def _make_room(self, count: int) -> None:
        if self.end - self._shift + count <= self._room:
            return
        keep_from = max(self.first, self.end + count - self._capacity)
        keep = slice(keep_from - self._shift, self.end - self._shift)
        for column in (self._times, *self._columns.values()):
            kept = column[keep].copy()
            column[: len(kept)] = kept
        self._shift = keep_from

    def times(self, start: int = 0) -> Floats:
        """The times of the rows from number `start` on, as far as they are kept (a copy)."""
        return self._times[self._from(start)].copy()

    def column(self, name: str, start: int = 0) -> Floats:
        """A column's values from row `start` on (a copy); NaN where it has none."""
        rows = self._from(start)
        if name not in self._columns:
            return np.full(rows.stop - rows.start, np.nan)
        return self._columns[name][rows].copy()

    def table(self, names: Iterable[str], start: int = 0) -> Floats:
        """Times and the named columns as the lines of one array, from row `start` on."""
        return np.stack([self.times(start), *(self.column(name, start) for name in names)])

    def _from(self, start: int) -> slice:
        return slice(max(start, self.first) - self._shift, self.end - self._shift)

    def clear(self) -> None:
        """Forget all rows and columns; numbering goes on."""
        self._columns.clear()
        self._shift = self.end
