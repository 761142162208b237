"""What would have been said sooner: the verdicts over the beginnings of a recording."""

from __future__ import annotations

import math

from memlab.diagnose.enough import beginning
from memlab.diagnose.judge import diagnose
from memlab.model.diagnosis import Diagnosis
from memlab.model.recording import Recording


def over_time(recording: Recording, every: float = 1.0) -> list[tuple[float, Diagnosis]]:
    """The diagnosis of the first `every` seconds, of twice that, and so on, and of all: (seconds, it).

    An empty recording has none. Raises ValueError where `every` is not above zero.
    """
    if not every > 0:
        raise ValueError(f"every {every} seconds: write a number above zero")
    if not recording.samples:
        return []
    said = []
    for step in range(1, math.ceil(recording.seconds / every) + 1):
        until = min(step * every, recording.seconds)
        said.append((until, diagnose(beginning(recording, until))))
    return said
