"""What a long command says on stderr while it works: a line each, behind the seconds so far."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


def progress() -> Callable[[str], None]:
    """A function that says a step."""
    began = time.monotonic()

    def say(step: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {step}", file=sys.stderr, flush=True)

    return say
