"""One go of the lab: a leaker, the recorder that watches it, and the widgets that show it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from memlab.diagnose import diagnose
from memlab.errors import Unsupported
from memlab.lab import experiment
from memlab.model.diagnosis import Diagnosis
from memlab.model.sample import Sample
from memlab.observe.live import LiveRecorder
from memlab.widgets.follow import Follower, Show

FIRST_SAMPLE_SECONDS = 10.0


class Run:
    """Starts a leaker paused, looks at it once, and lets it go: the charts begin before the leak.

    Raises what `experiment.start` raises; nothing is left running then. `at_end` is called
    when the leaker has ended, however it did, `before` while it is still paused. `began` is
    when it was let go (monotonic seconds).
    """

    def __init__(
        self,
        name: str,
        lang: str,
        shows: Sequence[Show],
        at_end: Callable[[], None] | None = None,
        before: Callable[[experiment.Experiment], None] | None = None,
        **options: Any,
    ) -> None:
        self._seen = threading.Event()
        self.experiment = experiment.start(name, lang, paused=True, **options)
        try:
            self.recorder = LiveRecorder(self.experiment.pid, on_sample=self._look).start()
            self._follower = Follower(self.recorder, shows, at_end)
            if not self._seen.wait(FIRST_SAMPLE_SECONDS):
                raise Unsupported(f"process {self.experiment.pid} could not be read")
            if before is not None:
                before(self.experiment)
            self.experiment.resume()
            self.began = time.monotonic()
        except BaseException:
            self.stop()
            raise

    def _look(self, _sample: Sample) -> None:
        self._seen.set()

    def stop(self) -> None:
        """End the leaker, then the watching; what was recorded stays."""
        try:
            self.experiment.stop()
        finally:
            if hasattr(self, "recorder"):
                self.recorder.stop()
            if hasattr(self, "_follower"):
                self._follower.stop()

    def diagnose(self) -> Diagnosis:
        """The verdict over what was seen so far; it does not know what the leaker says."""
        return diagnose(self.recorder.recording)

    @property
    def drawing_share(self) -> float:
        """What parsing and sending to the page take of a core."""
        return self._follower.core_share

    @property
    def errors(self) -> Sequence[Exception]:
        """What went wrong in the widgets that are fed."""
        return self._follower.errors
