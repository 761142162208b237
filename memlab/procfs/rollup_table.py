"""smaps_rollup of many processes at once, by columns.

One kernel writes all of them alike: the same lines in the same order, each number right-aligned in
eight places (seq_put_decimal_ull_width), the name of the header in a column of its own. So what one
text says where tells where all others say it; a text that differs anywhere else is left aside.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memlab.errors import Malformed
from memlab.procfs import smaps_rollup
from memlab.procfs.digits import decimal, hexadecimal
from memlab.procfs.smaps_rollup import Rollup

_PLACES = 8
_VALUE = re.compile(rb"[: ](?=[ 0-9]{8} kB\n)")
_WORD = np.dtype("<u8")
# "start-end " of twelve digits each, in words of eight: the last four digits of a second word count
_ADDRESSES = (0, 4, 13, 17)
_DASH, _BLANK, _HEADER_BYTES = 12, 25, 26
_REST, _NAME = b" ---p 00000000 00:00 0", b"[rollup]\n"
_LOW_HALF = np.uint64(0xFFFF)
_HALF_BITS = np.uint64(16)


class RollupTable:
    """names: as in Rollup.sizes; alike: which of the texts were taken, (texts,) bool.

    start, end: (texts,) uint64; values: (texts, names) int64, bytes. Rows of the others are
    meaningless.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        alike: NDArray[np.bool_],
        span: NDArray[np.uint64],
        values: NDArray[np.int64],
    ) -> None:
        self.names = names
        self.alike = alike
        self.start, self.end = span[:, 0], span[:, 1]
        self.values = values

    def row(self, index: int) -> Rollup:
        """As smaps_rollup.parse says it; IndexError for a text that was left aside."""
        if not self.alike[index]:
            raise IndexError(index)
        sizes = dict(zip(self.names, self.values[index].tolist(), strict=True))
        return Rollup(int(self.start[index]), int(self.end[index]), sizes)


def parse(texts: Sequence[bytes]) -> RollupTable:
    """All that look like most do; the others (`~alike`) are for smaps_rollup.parse."""
    lengths = Counter(map(len, texts))
    usual = max(lengths, key=lengths.__getitem__, default=0)
    model = next((text for text in texts if len(text) == usual), b"")
    try:
        names = tuple(smaps_rollup.parse(model).sizes)
    except Malformed:
        names = ()
    header = model.find(b"\n") + 1
    places = [match.end() for match in _VALUE.finditer(model, header)]
    if not names or len(places) != len(names) or header < _HEADER_BYTES:
        return _nothing(len(texts))
    alike = np.fromiter((len(text) == usual for text in texts), np.bool_, len(texts))
    usable = [text if len(text) == usual else model for text in texts]
    table = np.frombuffer(b"".join(usable), np.uint8).reshape(len(texts), usual)
    values, are_numbers = decimal(_words(table, places))
    alike &= are_numbers.all(axis=1) & _same(table, model, header, places)
    span, known = _span(table, header)
    for at in np.flatnonzero(
        alike & ~known
    ).tolist():  # programs at fixed, low addresses, not only damage
        try:
            span[at] = smaps_rollup.parse_span(texts[at][: header - 1])
        except Malformed:
            alike[at] = False
    return RollupTable(names, alike, span, values * 1024)


def _nothing(count: int) -> RollupTable:
    return RollupTable(
        (),
        np.zeros(count, np.bool_),
        np.zeros((count, 2), np.uint64),
        np.zeros((count, 0), np.int64),
    )


def _words(table: NDArray[np.uint8], places: Sequence[int]) -> NDArray[Any]:
    """The eight characters from each of the places, as a word: (texts, places)."""
    columns = (np.array(places)[:, None] + np.arange(_PLACES)).ravel()
    return table.take(columns, axis=1).view(_WORD)


def _span(table: NDArray[np.uint8], header: int) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """(start and end, for which rows): where both have twelve digits, as nearly everywhere."""
    words, good = hexadecimal(_words(table, _ADDRESSES))
    span = words[:, ::2] << _HALF_BITS | words[:, 1::2] & _LOW_HALF
    rest = np.frombuffer(_REST.ljust(header - _BLANK - len(_NAME)) + _NAME, np.uint8)
    known = good.all(axis=1) & (span[:, 0] < span[:, 1]) & (table[:, _DASH] == ord("-"))
    if _BLANK + rest.size == header:
        known &= (table[:, _BLANK:header] == rest).all(axis=1)
    else:
        known[:] = False
    return span, known


def _same(
    table: NDArray[np.uint8], model: bytes, header: int, places: Sequence[int]
) -> NDArray[np.bool_]:
    """Which texts are the model from the end of the header on, but for the numbers."""
    fixed = np.ones(len(model), np.bool_)
    for place in places:
        fixed[place : place + _PLACES] = False
    fixed[: header - 1] = False
    differs = (table != np.frombuffer(model, np.uint8)) & fixed
    same: NDArray[np.bool_] = ~differs.any(axis=1)
    return same
