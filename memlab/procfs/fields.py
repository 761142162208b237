"""What many kernel files share: lines of `Key:  value kB`, numbers, and names in snake case."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from memlab.errors import Malformed

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
# where the rule would cut a word in two
_NAMES = {
    "PPid": "ppid",
    "NStgid": "ns_tgid",
    "NSpid": "ns_pid",
    "NSpgid": "ns_pgid",
    "NSsid": "ns_sid",
    "THPeligible": "thp_eligible",
    "DirectMap4k": "direct_map_4k",
    "DirectMap64k": "direct_map_64k",
    "DirectMap2M": "direct_map_2m",
    "DirectMap4M": "direct_map_4m",
    "DirectMap1M": "direct_map_1m",
    "DirectMap1G": "direct_map_1g",
    "DirectMap2G": "direct_map_2g",
}
# no kernel number is longer than an unsigned 64-bit one; int() alone would take "1_0" and "٣"
_NUMBER = re.compile(r"-?[0-9]{1,20}")
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
_AMOUNT = re.compile(r"[ \t]*([0-9]{1,20})( kB)?[ \t]*")


@lru_cache(maxsize=1024)
def snake(key: str) -> str:
    """'MemTotal' -> 'mem_total', 'Active(anon)' -> 'active_anon', 'VmPTE' -> 'vm_pte'."""
    return _NAMES.get(key) or "_".join(part for part in _WORDS.split(key) if part).lower()


class Entry(NamedTuple):
    """One line `key:value` of the file `path`; `value` is all that follows the colon."""

    path: str
    number: int
    key: str
    value: str

    def text(self) -> str:
        """The value without the blanks round it."""
        return self.value.strip(" \t")

    def kilobytes(self) -> int:
        """'12 kB' -> 12288; a number alone may be a cut line."""
        match = _AMOUNT.fullmatch(self.value)
        if match is None or not match[2]:
            raise self.malformed("is no size in kB")
        return int(match[1]) * 1024

    def whole(self) -> int:
        """'12' -> 12."""
        match = _AMOUNT.fullmatch(self.value)
        if match is None or match[2]:
            raise self.malformed("is no count")
        return int(match[1])

    def amount(self) -> int:
        """Either: '12 kB' -> 12288, '12' -> 12."""
        match = _AMOUNT.fullmatch(self.value)
        if match is None:
            raise self.malformed("is no amount")
        return int(match[1]) * (1024 if match[2] else 1)

    def wholes(self) -> tuple[int, ...]:
        """'0 12' -> (0, 12)."""
        parts = self.value.split()
        if not all(map(_NUMBER.fullmatch, parts)):
            raise self.malformed("holds what is no number")
        return tuple(map(int, parts))

    def malformed(self, why: str) -> Malformed:
        """An error that shows this line."""
        return Malformed(self.path, self.number, f"{self.key}:{self.value}", why)


def lines_of(text: bytes) -> Iterator[tuple[int, str]]:
    """(line number from 1, line) of all lines that are not empty.

    Only a newline ends a line: names may hold any other byte, and str.splitlines() would
    take some of those for an end.
    """
    for number, line in enumerate(text.decode(errors="surrogateescape").split("\n"), 1):
        if line:
            yield number, line


def entries(text: bytes, path: str) -> Iterator[Entry]:
    """Every line as `Key: value`; Malformed on another line."""
    for number, line in lines_of(text):
        key, colon, value = line.partition(":")
        if not colon:
            raise Malformed(path, number, line, "has no 'Key: value'")
        yield Entry(path, number, key.strip(" \t"), value)


def numbers(words: list[str], path: str, line: str, line_number: int = 1) -> list[int]:
    """Decimal integers; Malformed on anything else."""
    if not all(map(_NUMBER.fullmatch, words)):
        raise Malformed(path, line_number, line, "holds what is no number")
    return list(map(int, words))


def only_line(text: bytes, path: str) -> str:
    """The one line of a file that has one; Malformed where it is empty."""
    line = text.decode(errors="surrogateescape").removesuffix("\n")
    if not line:
        raise Malformed(path, 1, "", "is empty")
    return line


def unescaped(name: str) -> str:
    """Undo the kernel's octal escapes: a backslash and three digits stand for one byte.

    fs/seq_file.c (mangle_path) writes blank, tab, newline, backslash and # so, as each file asks.
    """
    raw = name.encode(errors="surrogateescape")
    whole = _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), raw)
    return whole.decode(errors="surrogateescape")
