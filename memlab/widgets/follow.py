"""Carries the samples of a recorder to the widgets over it, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.observe.live import LiveRecorder

Show = Callable[[Sample], None]


class Follower:
    """Calls each of `shows` with every sample of the recorder, old ones first, once each.

    Ends when the recorder has ended and all was shown; then calls `at_end`. What the widgets
    take of a core is in `core_share`. A widget that fails is left out and the error is kept
    in `errors`: the others go on.
    """

    def __init__(
        self,
        recorder: LiveRecorder,
        shows: Sequence[Show],
        at_end: Callable[[], None] | None = None,
    ) -> None:
        self._recorder = recorder
        self._shows = list(shows)
        self._at_end = at_end
        self._next = 0
        self._stop = threading.Event()
        self._began = time.monotonic()
        self._cpu_seconds = 0.0
        self.errors: list[Exception] = []
        self._thread = threading.Thread(target=self._run, name="memlab-follow", daemon=True)
        self._thread.start()

    @property
    def core_share(self) -> float:
        """CPU time of this thread (parsing and sending) as a share of one core."""
        return self._cpu_seconds / max(time.monotonic() - self._began, 1e-3)

    def stop(self) -> None:
        """Show no more; what is being shown is finished first."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        over = False
        while not over and not self._stop.wait(self._recorder.interval / 2):
            over = not self._recorder.running  # asked before the last look, not after
            for sample in self._recorder.recording.samples:
                if sample.index >= self._next:
                    self._next = sample.index + 1
                    self._show(sample)
            self._cpu_seconds = time.thread_time()
        if over and self._at_end is not None:
            self._at_end()

    def _show(self, sample: Sample) -> None:
        for show in tuple(self._shows):
            try:
                show(sample)
            except Exception as error:
                self.errors.append(error)
                self._shows.remove(show)


def follow(source: LiveRecorder | Recording | None, show: Show) -> Follower | None:
    """Show what a recording holds, or what a recorder sees from now on."""
    if isinstance(source, Recording):
        for sample in source:
            show(sample)
        return None
    return None if source is None else Follower(source, [show])
