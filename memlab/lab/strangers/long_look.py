"""The long look: what /proc/PID/status says over minutes, with no judge. It is how a truth is checked.

A leak takes from N to 10 N rounds ten times what it took until N; what is none takes the same.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from memlab.lab.processes import descendants

_FIELDS = ("RssAnon", "RssShmem", "VmSwap")
_SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)


class LongLook:
    """Reads once a second, in a thread, the kB of a process and all below it, and counts descriptors and threads."""

    def __init__(self, pid: int, seconds: float) -> None:
        self.pid, self.seconds = pid, seconds
        self.seen: list[tuple[float, int, int, int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        began = time.monotonic()
        while (now := time.monotonic() - began) <= self.seconds and not self._stop.is_set():
            pids = [self.pid, *descendants(self.pid)]
            kb = sum(map(_kb, pids))
            if kb:
                self.seen.append((now, kb, _count(self.pid, "fd"), _count(self.pid, "task")))
            self._stop.wait(1.0)

    def wait(self) -> None:
        """Until the time is over."""
        self._thread.join(self.seconds + 5)

    def stop(self) -> None:
        """End it now."""
        self._stop.set()
        self._thread.join(5)

    def words(self) -> str:
        """What it saw at a tenth, a quarter, half, three quarters and the end; MiB, descriptors, threads."""
        if len(self.seen) < 10:
            return f"it lived for {len(self.seen)} s"
        end = self.seen[-1][0]
        shown = [
            next(one for one in self.seen if one[0] >= end * share * 0.999) for share in _SHARES
        ]
        memory = " ".join(f"{kb / 1024:.1f}" for _, kb, _, _ in shown)
        first, last = self.seen[len(self.seen) // 10], self.seen[-1]
        counts = f"descriptors {first[2]} to {last[2]}, threads {first[3]} to {last[3]}"
        return f"{memory} MiB at 10, 25, 50, 75 and 100 % of {end:.0f} s; {counts}"


def _kb(pid: int) -> int:
    total = 0
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in _FIELDS:
                total += int(rest.split()[0])
    return total


def _count(pid: int, folder: str) -> int:
    with suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/{folder}"))
    return 0
