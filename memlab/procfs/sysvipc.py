"""What the tables of /proc/sysvipc share: a line of names, then a line of numbers an object (ipc/util.c).

They show the IPC namespace of the reader (ipc_namespaces(7)), whoever owns the objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from memlab.errors import Malformed
from memlab.procfs.fields import lines_of, numbers


def rows(text: bytes, path: str, known: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Each object as its fields by name; those not in `known` stand together under "unknown".

    perms is printed in octal, all others are decimal. Raises Malformed.
    """
    names: list[str] | None = None
    for number, line in lines_of(text):
        words = line.split()
        if names is None:
            names = words
            if len(set(names)) != len(names):
                raise Malformed(path, number, line, "names a column twice")
            continue
        if len(words) != len(names):
            raise Malformed(path, number, line, f"has {len(words)} fields, not {len(names)}")
        row: dict[str, Any] = {"unknown": {}}
        for name, word, value in zip(names, words, numbers(words, path, line, number), strict=True):
            if name not in known:
                row["unknown"][name] = value
            elif name == "perms":
                row[name] = _octal(word, path, number, line)
            else:
                row[name] = value
        yield row
    if names is None:
        raise Malformed(path, 1, "", "is empty")


def _octal(word: str, path: str, number: int, line: str) -> int:
    try:
        return int(word, 8)
    except ValueError:
        raise Malformed(path, number, line, "has permissions that are not octal") from None
