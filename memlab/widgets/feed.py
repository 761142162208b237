"""Sends a ring's new rows to the browser, never faster than it takes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LEAST_SECONDS = 0.1
# Without an answer (a cell blocks the channel, the tab sleeps) the pauses double up to this;
# after it the page counts as gone, and the feed waits to hear from it.
MOST_SECONDS = 32.0


class Feed:
    """Decides when rows go out; `send(first row)` is asked to send all from there on.

    There is no queue: what was not sent stays in the ring, and goes with the next increment.
    At most one increment goes every 100 ms, and the next one only after the browser has
    acknowledged the last, or after a pause that doubles each time. Thread-safe; `send` is
    called without a lock held, by one thread at a time.
    """

    def __init__(
        self, send: Callable[[int], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._send = send
        self._clock = clock
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._due = 0.0
        self._sending = False
        self._listening = False
        self._sent = 0  # the row after the last one sent
        self._acknowledged = 0
        self._end = 0  # the row after the last one there is
        self._last = -MOST_SECONDS
        self._pause = LEAST_SECONDS

    def hello(self, end: int) -> None:
        """A view was given everything up to row `end`."""
        with self._lock:
            self._listening = True
            self._sent = max(self._sent, end)
            self._acknowledged = self._sent
            self._pause = LEAST_SECONDS
        self.flush()

    def acknowledge(self, end: int) -> None:
        """A view has everything up to row `end`."""
        with self._lock:
            self._listening = True
            self._acknowledged = max(self._acknowledged, end)
            if self._acknowledged >= self._sent:
                self._pause = LEAST_SECONDS
        self.flush()

    def grown(self, end: int) -> None:
        """There are rows up to `end` now."""
        with self._lock:
            self._end = max(self._end, end)
        self.flush()

    def flush(self) -> None:
        """Send what is due, or see to it that it will be."""
        with self._lock:
            if not self._listening or self._sending or self._sent >= self._end:
                return
            wait = self._last + self._wait_for() - self._clock()
            if wait > 0:
                self._later(wait)
                return
            if self._sent > self._acknowledged:
                self._pause *= 2
                if self._pause > MOST_SECONDS:
                    self._listening = False
                    return
            self._sending, self._last, start = True, self._clock(), self._sent
        end = start
        try:
            end = self._send(start)
        finally:
            with self._lock:
                self._sending = False
                self._sent = max(self._sent, end)
        self.flush()

    def _wait_for(self) -> float:
        """Unanswered increments wait for half a second at least."""
        return self._pause if self._sent <= self._acknowledged else max(self._pause, 0.5)

    def _later(self, seconds: float) -> None:
        due = self._clock() + seconds
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = threading.Timer(seconds, self._late)
        self._timer.daemon = True
        self._timer.start()

    def _late(self) -> None:
        with self._lock:
            if self._timer is threading.current_thread():
                self._timer = None
        self.flush()

    def close(self) -> None:
        """Send nothing any more."""
        with self._lock:
            self._listening = False
            if self._timer is not None:
                self._timer.cancel()
