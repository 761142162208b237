"""The text of smaps read line by line: slow, plain, and the judge of what is Malformed.

`smaps_pieces` reads the same much faster and leaves to this reader what it does not recognise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from memlab.errors import Malformed
from memlab.procfs.maps import Header, parse_header

# All numbers that kernels up to 6.18 print (fs/proc/task_mmu.c); the last two are no sizes
_NUMBER_NAMES = (
    "Size KernelPageSize MMUPageSize Rss Pss Pss_Dirty Pss_Anon Pss_File Pss_Shmem Shared_Clean"
    " Shared_Dirty Private_Clean Private_Dirty Referenced Anonymous KSM LazyFree AnonHugePages"
    " ShmemPmdMapped FilePmdMapped Shared_Hugetlb Private_Hugetlb Swap SwapPss Locked Nonlinear"
    " THPeligible ProtectionKey"
)
NUMBERS = frozenset(_NUMBER_NAMES.split())
TEXTS = frozenset({"VmFlags", "Name"})
# Printed for some mappings only: Nonlinear from Linux 3.5 to 4.0, Name on Android
SOMETIMES = frozenset({"Nonlinear", "Name"})
# Printed for all mappings or for none; of a line that no kernel had until now, nobody can say
EVERYWHERE = (NUMBERS | TEXTS) - SOMETIMES

LINE = re.compile(rb"([A-Z][A-Za-z0-9_]*):[ \t]*(.*)", re.DOTALL)
NUMBER = re.compile(rb"([0-9]{1,15})( kB)?")  # 15 digits of kB are below 2**63 bytes
FLAGS = re.compile(rb"([!-~]{2}( [!-~]{2})*)? ?")


@dataclass
class Table:
    """What the text says; entry i of every column is of mapping i.

    numbers: bytes where the line is in kB (`units` says which), else the number as it is; texts:
    all other lines, "" where a mapping has none. Both by the kernel's names.
    """

    headers: list[Header] = field(default_factory=list)
    numbers: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)


def read_table(text: bytes, path: str) -> Table:
    """Raises Malformed where a line is odd or a block is cut. An empty text has no mappings."""
    reader = _Reader(path)
    for number, line in _lines(text):
        # a key starts with a capital letter, an address never does
        if line[:1].isupper():
            reader.put(number, line)
        else:
            reader.begin(number, line)
    return reader.finished()


def _lines(text: bytes) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line); blank lines at the very end are forgiven."""
    stripped = text.rstrip(b"\n")
    if stripped:
        yield from enumerate(stripped.split(b"\n"), 1)


class _Reader:
    """Takes line after line; the first block says what every block must have."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._headers: list[Header] = []
        self._values: dict[str, dict[int, int]] = {}
        self._units: dict[str, int] = {}
        self._texts: dict[str, dict[int, str]] = {}
        self._needed: frozenset[str] = frozenset()
        self._seen: set[str] = set()
        self._head = (0, b"")

    def begin(self, number: int, line: bytes) -> None:
        """A header: the block before it must be whole."""
        self._close_block()
        shown = line.decode(errors="surrogateescape")
        self._headers.append(parse_header(shown, self._path, number))
        self._head, self._seen = (number, line), set()

    def put(self, number: int, line: bytes) -> None:
        """One `Key: value` of the block at hand."""
        if not self._headers:
            raise self._malformed(number, line, "stands before any mapping")
        match = LINE.fullmatch(line)
        if match is None:
            raise self._malformed(number, line, "has no 'Key: value'")
        key = match[1].decode()
        if key in self._seen:
            raise self._malformed(number, line, "is there twice")
        if self._needed and key in EVERYWHERE - self._needed:
            raise self._malformed(number, line, "is not in the mappings before")
        self._seen.add(key)
        why = self._keep(len(self._headers) - 1, key, match[2])
        if why:
            raise self._malformed(number, line, why)

    def _keep(self, row: int, key: str, value: bytes) -> str | None:
        """Put the value into its column, or say why it is none."""
        amount = NUMBER.fullmatch(value)
        if key == "VmFlags":
            if not FLAGS.fullmatch(value):
                return "holds a flag that has not two letters"
            self._texts.setdefault(key, {})[row] = value.decode().strip()
        elif amount is not None and key not in self._texts and key not in TEXTS:
            unit = 1024 if amount[2] else 1
            if self._units.setdefault(key, unit) != unit:
                return "has another unit than before"
            self._values.setdefault(key, {})[row] = int(amount[1]) * unit
        elif key in NUMBERS or key in self._values:
            return "is no number"
        else:
            self._texts.setdefault(key, {})[row] = value.decode(errors="surrogateescape")
        return None

    def _close_block(self) -> None:
        if not self._headers:
            return
        if not self._needed:
            self._needed = EVERYWHERE & self._seen
            if not {"Size", "Rss"} <= self._needed:
                why = "has no Size and Rss behind it: this is maps, or it is cut"
                raise self._malformed(*self._head, why)
        missing = self._needed - self._seen
        if missing:
            raise self._malformed(*self._head, f"is a cut block, without {min(missing)}")

    def finished(self) -> Table:
        """The columns, when all lines are in."""
        self._close_block()
        rows = len(self._headers)
        table = Table(self._headers, units=self._units)
        for key, values in self._values.items():
            table.numbers[key] = np.zeros(rows, dtype=np.int64)
            table.numbers[key][list(values)] = list(values.values())
        for key, texts in self._texts.items():
            table.texts[key] = [texts.get(row, "") for row in range(rows)]
        return table

    def _malformed(self, number: int, line: bytes, why: str) -> Malformed:
        return Malformed(self._path, number, line.decode(errors="replace"), why)
