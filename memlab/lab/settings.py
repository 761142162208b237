"""Sizes that a user may set for all leakers, in the environment."""

from __future__ import annotations

import os

from memlab.errors import Refused
from memlab.units import parse_bytes

TOTAL = "MEMLAB_TOTAL"  # what all leakers of a user may take together
FLOOR = "MEMLAB_FLOOR"  # below so much available memory they are all ended


def size(name: str) -> int | None:
    """The size that this variable sets, in bytes; None where it is not set. Refused for no size."""
    text = os.environ.get(name)
    if not text:
        return None
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise Refused(f"{name}: {error}") from None
