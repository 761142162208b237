"""When a watch has seen enough: a verdict that is asked for again and again errs again and again.

Each time that the judge is asked, noise has another chance to look like growth. So the error that
is allowed in sum (1 - confidence) is shared out among all the times that it will be asked (Bonferroni),
and each time a leak must stand on so many floors that noise does that more seldom (`floors.chance`). The
times lie a tenth apart, so that a watch of a minute asks 27 times: as many floors as half of that would ask.

Only a leak ends a watch early. That nothing leaks is the better known the longer nothing was seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from memlab.diagnose.floors import LEVELS, levels_for
from memlab.diagnose.judge import diagnose
from memlab.model.diagnosis import Diagnosis, Verdict
from memlab.model.recording import Recording

CONFIDENCE = 0.99
# a fifth of a watch must hold a look at the mappings, of which there is one a second at least
FIRST_SECONDS = float(LEVELS)
_FACTOR = 1.1


def moments(seconds: float) -> list[float]:
    """When to judge in a watch of so many seconds; its end is not among them."""
    return list(_growing(seconds))


def _growing(seconds: float) -> Iterator[float]:
    moment = FIRST_SECONDS
    while moment < seconds:
        yield moment
        moment *= _FACTOR


def is_enough(diagnosis: Diagnosis, confidence: float, asked: int) -> bool:
    """Whether the verdict would stand if it is asked for so many times in one watch; never with confidence 1."""
    if diagnosis.verdict is not Verdict.LEAK or confidence >= 1:
        return False
    levels = levels_for((1 - confidence) / max(1, asked))
    return any(finding.levels >= levels for finding in diagnosis.findings)


def first_enough(
    recording: Recording, confidence: float = CONFIDENCE, seconds: float | None = None
) -> tuple[float, Diagnosis]:
    """(seconds, verdict) at which a watch of `seconds` (all of it) would have ended by itself.

    Its end, where it would not have ended before. Raises ValueError on an empty recording.
    """
    if not recording.samples:
        raise ValueError("an empty recording was never watched")
    whole = recording.seconds if seconds is None else seconds
    asked = moments(whole)
    for moment in asked:
        if moment >= recording.seconds:
            break
        said = diagnose(beginning(recording, moment))
        if is_enough(said, confidence, len(asked) + 1):
            return moment, said
    return recording.seconds, diagnose(recording)


def beginning(recording: Recording, seconds: float) -> Recording:
    """What was seen in the first so many seconds."""
    until = recording.samples[0].monotonic + seconds
    return replace(recording, samples=tuple(s for s in recording.samples if s.monotonic <= until))
