"""Watches a process: a generator for whoever has time, a thread for whoever has not."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from memlab.errors import Gone
from memlab.model.diagnosis import Need
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.observe.family import Family
from memlab.observe.sampler import DEFAULT_BUDGET, Sampler
from memlab.units import MIB

DEFAULT_INTERVAL = 0.2
WINDOW_BYTES = 128 * MIB
FIND_SECONDS = 1.0

Judge = Callable[[Sample | None, Sample], Need]


def always_look(_looked: Sample | None, _now: Sample) -> Need:
    """The judge of those who want to see everything the budget allows."""
    return Need.LOOK


class Window:
    """The latest samples, bounded by the bytes of their text: drops the oldest."""

    def __init__(self, cap_bytes: int = WINDOW_BYTES) -> None:
        self._cap = cap_bytes
        self._bytes = 0
        self._samples: deque[Sample] = deque()
        self.dropped = 0

    def add(self, sample: Sample) -> None:
        """Append one, and drop from the other end what no longer fits."""
        self._samples.append(sample)
        self._bytes += _text_bytes(sample)
        while self._bytes > self._cap and len(self._samples) > 2:
            self._bytes -= _text_bytes(self._samples.popleft())
            self.dropped += 1

    def recording(self, header: Header) -> Recording:
        """What is held now, as a Recording."""
        losses = (
            (f"the first {self.dropped} instants no longer fit in memory",) if self.dropped else ()
        )
        return Recording(header, tuple(self._samples), losses)


def _text_bytes(sample: Sample) -> int:
    return sum(map(len, sample.texts.files.values()))


def watch(
    sampler: Sampler,
    *,
    interval: float = DEFAULT_INTERVAL,
    seconds: float | None = None,
    judge: Judge = always_look,
    stop: threading.Event | None = None,
    events: Callable[[], tuple[dict[str, Any], ...]] = tuple,
) -> Iterator[Sample]:
    """Yield samples every `interval` seconds, the first and the last with the mappings.

    `judge(last sample with mappings, this sample)` says whether to look at the mappings next
    time, or to stop. Ends after `seconds`, when `stop` is set, or when the process ends.
    Ticks are absolute: what a sample costs does not shift the next one.
    """
    watched = _Watched(sampler, judge)
    for last in ticks(interval, seconds, stop):
        sample = watched.tick(last, events())
        if sample is None:
            return
        yield sample
        if watched.decide(sample) is Need.STOP:
            return


def watch_family(
    family: Family,
    *,
    interval: float = DEFAULT_INTERVAL,
    seconds: float | None = None,
    judge: Judge = always_look,
    stop: threading.Event | None = None,
) -> Iterator[tuple[Sampler, Sample]]:
    """As `watch`, of a process and its descendants; ends when all of them have, or as `watch` does.

    Who is born while we watch is found within a second; `Need.STOP` ends the watch of one.
    """
    members: dict[int, _Watched] = {}
    found = -FIND_SECONDS
    for last in ticks(interval, seconds, stop):
        if time.monotonic() - found >= FIND_SECONDS:
            found = time.monotonic()
            members |= {sampler.pid: _Watched(sampler, judge) for sampler in family.find()}
        for pid, watched in list(members.items()):
            sample = watched.tick(last, ())
            if sample is not None:
                yield watched.sampler, sample
            if sample is None or watched.decide(sample) is Need.STOP:
                del members[pid]
        if not members:
            return


def ticks(
    interval: float, seconds: float | None, stop: threading.Event | None = None
) -> Iterator[bool]:
    """Whether this tick is the last; waits between them, to absolute deadlines, until `stop` is set."""
    stop = stop or threading.Event()
    start = time.monotonic()
    tick = 0
    while True:
        last = seconds is not None and tick * interval >= seconds - interval / 2
        yield last
        if last:
            return
        tick = max(tick + 1, int((time.monotonic() - start) / interval))
        if stop.wait(max(0.0, start + tick * interval - time.monotonic())):
            return


class _Watched:
    """One process of a watch: what its judge wants to see next."""

    def __init__(self, sampler: Sampler, judge: Judge) -> None:
        self.sampler = sampler
        self._judge = judge
        self._looked: Sample | None = None
        self._need: Need | None = None

    def tick(self, last: bool, events: tuple[dict[str, Any], ...]) -> Sample | None:
        """The next sample, of which the last says that the process has gone; None if it was never there."""
        first = self._need is None
        try:
            return self.sampler.take(
                look=first or self._need is Need.LOOK, must=first or last, events=events
            )
        except Gone as gone:
            return None if first else self.sampler.farewell(gone, events)

    def decide(self, sample: Sample) -> Need:
        """Ask the judge; of who has gone there is no more to see."""
        if sample.gone:
            return Need.STOP
        if sample.has_mappings:
            self._looked = sample
        self._need = self._judge(self._looked, sample)
        return self._need


class LiveRecorder:
    """Watches in a thread of its own and keeps a bounded window; a context manager.

    `on_sample` is called in that thread with each new sample. `note` adds an event (what a
    leaker said, a mark) to the next instant. `ended` is true when the process has gone.
    """

    def __init__(
        self,
        pid: int,
        *,
        interval: float = DEFAULT_INTERVAL,
        budget: float = DEFAULT_BUDGET,
        window_bytes: int = WINDOW_BYTES,
        on_sample: Callable[[Sample], None] | None = None,
    ) -> None:
        self._sampler = Sampler(pid, budget=budget)
        self.header = self._sampler.header({"interval": interval, "budget": budget})
        self.interval = interval
        self.ended = False
        self._window = Window(window_bytes)
        self._on_sample = on_sample
        self._events: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"memlab-watch-{pid}", daemon=True)

    def start(self) -> LiveRecorder:
        """Begin to watch."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End watching; what was recorded stays."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    @property
    def running(self) -> bool:
        """Whether the thread still watches."""
        return self._thread.is_alive()

    @property
    def recording(self) -> Recording:
        """What was seen so far."""
        with self._lock:
            return self._window.recording(self.header)

    def note(self, event: dict[str, Any]) -> None:
        """Put an event beside the next instant."""
        with self._lock:
            self._events.append(event)

    def _take_events(self) -> tuple[dict[str, Any], ...]:
        with self._lock:
            events, self._events = tuple(self._events), []
        return events

    def _run(self) -> None:
        for sample in watch(
            self._sampler, interval=self.interval, stop=self._stop, events=self._take_events
        ):
            if sample.gone:
                break
            with self._lock:
                self._window.add(sample)
            if self._on_sample:
                self._on_sample(sample)
        self.ended = not self._stop.is_set()

    def __enter__(self) -> LiveRecorder:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()
