"""Several files of one kind about one thing: read as one text, in the order in which they were named."""

from __future__ import annotations

import re
from collections.abc import Sequence

Text = tuple[str, list[str]]
_DIGITS = re.compile(r"(\d+)")


def in_order(paths: Sequence[str]) -> list[str]:
    """As they were named; a shell's `smaps*` puts 10 before 2, and means 2 before 10.

    Only where all differ by numbers alone and stand in the order of a shell: who names them one by one has
    another order in mind.
    """
    bones = {_DIGITS.sub("0", path) for path in paths}
    if len(bones) > 1 or list(paths) != sorted(paths):
        return list(paths)
    return sorted(paths, key=lambda path: [int(number) for number in _DIGITS.findall(path)])


def called(paths: Sequence[str]) -> str:
    """What many files are called in a sentence."""
    if len(paths) < 3:
        return ", ".join(paths)
    return f"{paths[0]} … {paths[-1]} ({len(paths)} files, in this order)"
