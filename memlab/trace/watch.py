"""How long an engine stays: the same bounds for all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_TICK = 0.1
EARLY = "it was let go before its time was over, as was asked"


@dataclass
class Watch:
    """seconds: from the moment it is in; stop: set it to let go early; attached: set when it is in."""

    seconds: float
    stop: threading.Event = field(default_factory=threading.Event)
    attached: threading.Event = field(default_factory=threading.Event)

    def wait(self, ended: Callable[[], str | None]) -> tuple[float, str | None]:
        """Say that it is in, wait; (how long, why it was not all of its time). `ended` is asked ten times a second."""
        self.attached.set()
        began = time.monotonic()
        while (left := began + self.seconds - time.monotonic()) > 0:
            if self.stop.wait(min(left, _TICK)):
                return time.monotonic() - began, EARLY
            if (why := ended()) is not None:
                return time.monotonic() - began, why
        return time.monotonic() - began, None
