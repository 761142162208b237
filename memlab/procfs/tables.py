"""stat and statm of many processes at once, by columns: what statm.parse and stat.parse say of each.

One process costs about a microsecond this way. The fast way is taken where all lines look as the
kernel writes them, each with equally many numbers; else every line is parsed by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memlab.errors import Malformed
from memlab.procfs import stat, statm
from memlab.procfs.digits import spans
from memlab.units import PAGE_BYTES

Column = NDArray[np.int64]
STATM = ("size", "resident", "shared")
STAT = ("minflt", "majflt", "starttime", "rss")

_STATM_WORDS = (0, 1, 2)
_STAT_WORDS = (10 - 3, 12 - 3, 22 - 3, 24 - 3)  # by their numbers in proc(5); state is 3
_FEWEST_STAT_WORDS = 37
_BLANK, _NEWLINE, _MINUS = b" \n-"
_MOST_PAGES = (1 << 63) // PAGE_BYTES
_LONGEST = 20  # digits of an unsigned 64-bit number


def parse_statm(texts: Sequence[bytes], pids: Sequence[int]) -> Column:
    """Bytes, of shape (processes, 3), the columns STATM; `pids` name the line in a Malformed."""
    found = _numbers(texts, _STATM_WORDS)
    if found is not None and found[1] == 7 and found[0].max() < _MOST_PAGES:
        return found[0] * PAGE_BYTES
    records = [
        statm.parse(text, f"/proc/{pid}/statm") for text, pid in zip(texts, pids, strict=True)
    ]
    return _columns(records, STATM)


def parse_stat(texts: Sequence[bytes], pids: Sequence[int]) -> Column:
    """Of shape (processes, 4), the columns STAT: counts, ticks, bytes; `pids` as above.

    What stands before the state is not looked at: the name may hold anything, the rest not.
    """
    found = _numbers([text[text.rfind(b") ") + 2 :] for text in texts], _STAT_WORDS, letter=True)
    if found is not None and found[1] >= _FEWEST_STAT_WORDS and found[0][:, 3].max() < _MOST_PAGES:
        values = found[0]
        values[:, 3] *= PAGE_BYTES
        return values
    records = [stat.parse(text, f"/proc/{pid}/stat") for text, pid in zip(texts, pids, strict=True)]
    return _columns(records, STAT)


def _columns(records: Sequence[object], names: Sequence[str]) -> Column:
    rows = [[getattr(record, name) for name in names] for record in records]
    try:
        return np.array(rows, np.int64).reshape(len(records), len(names))
    except OverflowError:
        raise Malformed("stat or statm", 1, "", "holds a number beyond 63 bits") from None


def _numbers(
    lines: Sequence[bytes], wanted: Sequence[int], letter: bool = False
) -> tuple[Column, int] | None:
    """(the wanted words of each line, how many words a line has); None where lines are not alike.

    Alike are lines that end in their only newline, have single blanks between equally many
    words, and words that are numbers, but for the first one where it is a `letter`.
    """
    text = np.frombuffer(b"".join(lines), np.uint8)
    blanks = np.flatnonzero(text == _BLANK)
    count = len(lines)
    if not count or not blanks.size or blanks.size % count:
        return None
    words = blanks.size // count + 1
    ends = np.empty((count, words), np.int64)
    ends[:, :-1] = blanks.reshape(count, words - 1)
    ends[:, -1] = np.cumsum(np.fromiter(map(len, lines), np.int64, count)) - 1
    starts = np.empty_like(ends)
    starts.flat[0] = 0
    starts.flat[1:] = ends.flat[:-1] + 1
    widths = ends - starts
    # blanks of a neighbour's line would come before the start or behind the end of this one
    if widths.min() < 1 or widths.max() > _LONGEST or (text[ends[:, -1]] != _NEWLINE).any():
        return None
    if letter and ((widths[:, 0] != 1) | (text[starts[:, 0]] < ord("A"))).any():
        return None
    if not _only_numbers(text, blanks.size + count + count * letter):
        return None
    values, good = spans(text, starts[:, wanted], ends[:, wanted])
    return (values, words) if good.all() else None


def _only_numbers(text: NDArray[np.uint8], others: int) -> bool:
    """All is digits and the minus before one, but for so many bytes that are known."""
    digits = text - np.uint8(ord("0")) <= 9
    minus = np.flatnonzero(text == _MINUS)
    if np.count_nonzero(digits) + minus.size + others != text.size:
        return False
    return bool(digits[minus + 1].all() and (text[minus - 1] == _BLANK).all())
