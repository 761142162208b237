"""Where the course shows what a verdict found: the leaker and its options, and the chapter that meets it."""

from __future__ import annotations

from memlab.lab.mimic import mimic
from memlab.lab.registry import Leaker, leakers
from memlab.model.diagnosis import Diagnosis, Verdict
from memlab.model.recording import Recording
from memlab.present.card import Elsewhere
from memlab.present.mimic import distance_words


def elsewhere(diagnosis: Diagnosis, recording: Recording | None = None) -> Elsewhere:
    """The leaker that draws the same curve; without one, or without its times, the first of the pattern."""
    if recording is not None and len(recording) and recording.is_timed:
        found = mimic(recording, diagnosis)
        best = found.best
        if best is not None:
            counted = found.growth is not None and found.growth.unit == "count"
            remark = f"its curve is off by {distance_words(best.distance, counted)}"
            return Elsewhere(leakers()[best.leaker].chapter, best.leaker, best.command, remark)
    leaker = _of_pattern(diagnosis)
    if leaker is None:
        return Elsewhere()
    return Elsewhere(leaker.chapter, leaker.name, f"memlab leak {leaker.name}", "the same pattern")


def _of_pattern(diagnosis: Diagnosis) -> Leaker | None:
    """The first leaker of the first finding's pattern; a look-alike where it stands for the reason."""
    for finding in diagnosis.findings:
        return next((one for one in leakers().values() if one.pattern in finding.candidates), None)
    if diagnosis.verdict is Verdict.LEAK or diagnosis.reason is None:
        return None
    same = (
        one for one in leakers().values() if one.is_lookalike and one.reason == diagnosis.reason
    )
    return next(same, None)
