"""A guest's own /proc, as it streams out of it, into an ordinary Recording.

The words are made by leakers/kernel/init: "NONCE PATH" begins a file, "NONCE end BEGIN END" closes an
instant, both times from the guest's /proc/uptime (seconds, to a hundredth). Whole files of /proc come as
they are, so all that reads a recording of a machine reads this one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from memlab import __version__
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.procfs.host import InstantTexts

_FACTS = "reclaimable"
_MOST_SAMPLES = 3600  # an hour; the oldest are dropped
_MOST_BYTES = 16 << 20  # of one instant: more is no stream of ours


class GuestStream:
    """Takes the bytes of the channel and keeps the samples; may be asked from other threads.

    `pid` is the process of the guest that is watched, or 0: then samples hold the machine's files only. After
    a reboot of the guest its clock begins anew: times go on where they were.
    """

    def __init__(self, nonce: str) -> None:
        self._mark = nonce.encode() + b" "
        self._changed = threading.Condition()
        self._samples: list[Sample] = []
        self._pending = b""
        self._path = ""
        self._files: dict[str, list[bytes]] = {}
        self._facts: dict[str, bytes] = {}  # of the slab caches: said once
        self._shift = 0.0
        self._count = 0
        self._events: list[dict[str, Any]] = []
        self.pid = 0

    def feed(self, piece: bytes) -> None:
        """The next bytes of the channel."""
        lines = (self._pending + piece).split(b"\n")
        self._pending = lines.pop()
        if len(self._pending) > _MOST_BYTES:
            self._pending = b""
        for line in lines:
            if not line.startswith(self._mark):
                if self._path:
                    self._files[self._path].append(line)
                continue
            words = line[len(self._mark) :].split(b" ")
            if words[0] == b"end":
                self._close(float(words[1]), float(words[2]))
            else:
                self._path = words[0].decode(errors="replace")
                self._files[self._path] = []

    def mark(self, **event: Any) -> None:
        """Note an event in the next instant, as a leaker's ledger or a step of an experiment."""
        with self._changed:
            self._events.append(event)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """What came so far."""
        with self._changed:
            return tuple(self._samples)

    def wait_for(self, predicate: Callable[[Sample], bool], seconds: float) -> Sample | None:
        """The first sample that begins from now on and that fits; None where none comes in time."""
        deadline = time.monotonic() + seconds
        with self._changed:
            seen = self._count + (1 if self._files else 0)  # that one began before
            while True:
                for sample in self._samples:
                    if sample.index >= seen and predicate(sample):
                        return sample
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)

    def recording(
        self, host: dict[str, Any], asked: dict[str, Any], first: int = 0, last: int | None = None
    ) -> Recording:
        """The samples from index `first` to `last`. `host` describes the guest: name, kernel, page size, CPUs."""
        samples = tuple(
            one
            for one in self.samples
            if first <= one.index and (last is None or one.index <= last)
        )
        if samples:
            # which slab caches are reclaimable is asked once and does not change; the judge looks at the end
            end = samples[-1]
            texts = replace(end.texts, files={**end.texts.files, **self._facts})
            samples = (*samples[:-1], replace(end, texts=texts))
        target = {"machine": host["name"], "pid": self.pid}
        return Recording(Header(target=target, host=host, asked=asked, memlab=__version__), samples)

    def _close(self, begin: float, end: float) -> None:
        files = {
            path: b"".join(line + b"\n" for line in lines) for path, lines in self._files.items()
        }
        self._files, self._path = {}, ""
        facts = _facts(files.pop(_FACTS, b""))
        with self._changed:
            self._facts.update(facts)
            previous = self._samples[-1].monotonic if self._samples else 0.0
            if begin + self._shift < previous:  # a reboot: no clock goes back by itself
                self._shift = previous + 1 - begin
            middle = (begin + end) / 2 + self._shift
            sample = Sample(
                self._count, self.pid, middle, time.time(), end - begin, 0.0,
                InstantTexts(files), tuple(self._events),
            )  # fmt: skip
            self._events = []
            self._count += 1
            self._samples.append(sample)
            del self._samples[:-_MOST_SAMPLES]
            self._changed.notify_all()


def _facts(text: bytes) -> dict[str, bytes]:
    """Files of one line by path, from lines PATH:LINE; a path may hold a colon, the line does not."""
    pairs = (line.rpartition(b":") for line in text.splitlines() if b":" in line)
    return {path.decode(errors="replace"): answer + b"\n" for path, _, answer in pairs}
