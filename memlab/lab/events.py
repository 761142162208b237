"""What a run says, read from its pipe by a thread, kept within bounds."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from memlab.errors import Gone, MemlabError, Refused
from memlab.units import format_bytes

Event = dict[str, Any]

# twenty minutes of a leaker at its ten lines a second
KEPT_LEDGER_LINES = 10_000
KEPT_OTHERS = 1_000


class Events:
    """The events of a run, until its last process has closed the pipe.

    The reading thread refers to this object and to nothing of the experiment, so that an
    experiment which nobody holds any more can go.
    """

    def __init__(self, guard: subprocess.Popen[bytes]) -> None:
        self._guard = guard
        self._changed = threading.Condition()
        self._ledger: deque[tuple[int, Event]] = deque(maxlen=KEPT_LEDGER_LINES)
        self._others: deque[tuple[int, Event]] = deque(maxlen=KEPT_OTHERS)
        self._last: dict[str, Event] = {}
        self._said = 0
        self._over = False
        self.stray = ""  # the last line that was no event: a complaint of our own processes
        threading.Thread(target=self._read, name="memlab-events", daemon=True).start()

    def _read(self) -> None:
        assert self._guard.stdout is not None
        with self._guard.stdout as lines:
            for line in lines:
                self._take(line)
        self._guard.wait()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
            kind = event["event"]
        except (ValueError, KeyError, TypeError):
            self.stray = line.decode(errors="replace").strip() or self.stray
            return
        with self._changed:
            self._said += 1
            (self._ledger if kind == "ledger" else self._others).append((self._said, event))
            self._last[kind] = event
            self._changed.notify_all()

    def all(self) -> list[Event]:
        """In the order in which they were said."""
        with self._changed:
            return [event for _, event in sorted([*self._others, *self._ledger], key=_number)]

    def ledger(self) -> list[Event]:
        """Only the leaker's account."""
        with self._changed:
            return [event for _, event in self._ledger]

    def last(self, kind: str) -> Event | None:
        """The last event of a kind, however long ago."""
        with self._changed:
            return self._last.get(kind)

    @property
    def said(self) -> int:
        """How many events there were, kept or not."""
        with self._changed:
            return self._said

    def ledger_since(self, said: int) -> list[Event]:
        """The ledger lines after the first `said` events."""
        with self._changed:
            newest = []
            for number, event in reversed(self._ledger):
                if number <= said:
                    break
                newest.append(event)
            return newest[::-1]

    @property
    def over(self) -> bool:
        """Whether all has ended and been cleaned."""
        with self._changed:
            return self._over

    def wait_until(self, predicate: Callable[[], Any], seconds: float) -> bool:
        """Wait for `predicate`, asked at each event and ten times a second; False if it stays
        untrue until the time or the run is over.
        """
        deadline = time.monotonic() + seconds
        while True:
            over = self.over  # before the predicate: the last event came before the end
            if predicate():
                return True
            left = deadline - time.monotonic()
            if over or left <= 0:
                return False
            with self._changed:
                self._changed.wait(min(left, 0.1))


def why_it_ended(name: str, last: Callable[[str], Event | None]) -> MemlabError | None:
    """What went wrong, from the last event of each kind; None when it came to a good end.

    Refused in the leaker's own words where it refused its options, Gone where it was killed.
    """
    if refused := last("refused"):
        return Refused(refused["message"], "end some: memlab leak --stop-all")
    if failed := last("failed"):
        return MemlabError(f"{name} could not be held in its box: {failed['message']}")
    if killed := last("killed"):
        if killed["reason"] == "low-memory":
            return Gone(f"{name} was ended, to keep this machine safe: {_low_memory(killed)}")
        return Gone(f"{name} was killed: it broke out of its box ({killed['reason']})")
    ended = last("exit")
    if ended is None or ended["status"] == 0:
        return None
    status, words = ended["status"], ended["stderr"].replace("\n", " | ")
    if status == 2 and words:
        return Refused(words)
    how = f"killed by {_signal_name(-status)}" if status < 0 else f"exit status {status}"
    return Gone(f"{name} has ended ({how}" + (f": {words})" if words else ")"))


def _low_memory(killed: Event) -> str:
    """Where memory is low, with figures."""
    available, floor = (format_bytes(killed[f"{name}_bytes"]) for name in ("available", "floor"))
    if killed["pressure"]:
        return (
            f"tasks wait for memory, and {killed['where']} has {available} available, "
            f"where {floor} are the least"
        )
    return f"{killed['where']} has {available} available, and {floor} are the least"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # a real-time signal


def _number(numbered: tuple[int, Event]) -> int:
    return numbered[0]
