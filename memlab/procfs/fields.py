"""What many kernel files share: lines of `Key:  value kB`, and names in snake case."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memlab.errors import Malformed

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")


def snake(key: str) -> str:
    """'MemTotal' -> 'mem_total', 'Active(anon)' -> 'active_anon', 'VmPTE' -> 'vm_pte'."""
    return "_".join(part for part in _WORDS.split(key) if part).lower()


def key_lines(text: bytes, path: str) -> Iterator[tuple[int, str, str]]:
    """(line number, key, value as text) of every `Key: value` line; Malformed on another line."""
    for number, line in enumerate(text.decode(errors="surrogateescape").splitlines(), 1):
        key, colon, value = line.partition(":")
        if not colon:
            if line.strip():
                raise Malformed(path, number, line, "has no 'Key: value'")
            continue
        yield number, key.strip(), value.strip()


def amount(value: str, path: str, number: int, line: str) -> int:
    """'12 kB' -> 12288; '12' -> 12 (a count)."""
    digits, _, unit = value.partition(" ")
    if not digits.isdecimal() or unit.strip() not in ("", "kB"):
        raise Malformed(path, number, line, "is no amount")
    return int(digits) * 1024 if unit else int(digits)


def whole(values: list[str], path: str, line: str) -> list[int]:
    """Decimal integers; Malformed on anything else."""
    try:
        return [int(value) for value in values]
    except ValueError:
        raise Malformed(path, 1, line, "holds what is no number") from None
