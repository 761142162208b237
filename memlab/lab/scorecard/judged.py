"""What memlab and the baselines say of one recording, at several lengths of the watch."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import memlab.diagnose
from memlab.diagnose import diagnose
from memlab.diagnose.enough import beginning, is_enough, moments
from memlab.errors import Unsupported
from memlab.lab.scorecard.baselines import judged_by_all
from memlab.model.diagnosis import Diagnosis, Verdict
from memlab.model.recording import Recording
from memlab.observe.files import open_recording

WINDOWS = (5.0, 10.0, 15.0, 30.0, 60.0)
CONFIDENCES = (0.8, 0.9, 0.95, 0.99, 0.999)
# of its ticks a watch must have had so many, and none of its gaps may be longer, or it was starved
FEWEST_TICKS, LONGEST_GAP_SECONDS = 0.8, 2.0


def judge_file(path: Path, seconds: float) -> dict[str, Any]:
    """All verdicts over one recording. Knows the file and nothing else of the case."""
    recording = open_recording(path)
    if recording.events:
        raise Unsupported(f"{path} holds what the leaker said of itself", "record it anew")
    windows = (*(window for window in WINDOWS if window < seconds), seconds)
    asked = moments(recording.seconds)
    parts = {moment: beginning(recording, moment) for moment in {*windows, *asked}}
    parts[seconds] = recording  # the last tick may come a moment late
    said = {moment: diagnose(part) for moment, part in parts.items()}
    return {
        "engine": engine(),
        "windows": {
            f"{window:g}": {
                **_plain(said[window]),
                "baselines": judged_by_all(parts[window]),
            }
            for window in windows
        },
        "enough": {
            f"{confidence:g}": _enough({moment: said[moment] for moment in asked}, confidence)
            or {"seconds": round(recording.seconds, 2), **_plain(said[seconds])}
            for confidence in CONFIDENCES
        },
        "watch": _watch(recording),
    }


def engine() -> str:
    """A fingerprint of what judges, so that verdicts of two versions are never added up."""
    folder = Path(memlab.diagnose.__file__).parent
    files = sorted([*folder.glob("*.py"), *(folder.parent / "model").glob("*.py")])
    digest = hashlib.sha256()
    for file in (*files, Path(__file__), Path(__file__).with_name("baselines.py")):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _plain(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "verdict": diagnosis.verdict.value,
        "why": diagnosis.why,
        "reason": diagnosis.reason and diagnosis.reason.value,
        "patterns": [finding.pattern and finding.pattern.value for finding in diagnosis.findings],
        "decide": diagnosis.decide,
    }


def _enough(said: dict[float, Diagnosis], confidence: float) -> dict[str, Any] | None:
    """When a watch would have ended before its end, and what it would have said: `enough.first_enough`.

    Asked here of verdicts that are there already, for all confidences at once.
    """
    for moment, diagnosis in said.items():
        if is_enough(diagnosis, confidence, len(said) + 1):
            return {"seconds": round(moment, 2), **_plain(diagnosis)}
    return None


def _watch(recording: Recording) -> dict[str, Any]:
    """How well it could be watched, and what that cost: CPU seconds of the readings after the first."""
    samples = recording.samples
    interval = float(recording.header.asked.get("interval") or 0.2)
    times = [sample.monotonic for sample in samples]
    gaps = [after - before for before, after in pairwise(times)]
    ticks = recording.seconds / interval + 1
    share = len(samples) / ticks if samples else 0.0
    widest = max(gaps, default=0.0)
    cpu = sum(sample.cpu_seconds for sample in samples[1:])
    return {
        "began": times[0] if times else 0.0,
        "seconds": round(recording.seconds, 2),
        "instants": len(samples),
        "looks": sum(sample.has_mappings for sample in samples),
        "ticks": round(share, 3),
        "widest_gap": round(widest, 2),
        "starved": share < FEWEST_TICKS or widest > LONGEST_GAP_SECONDS,
        "sampling_share": round(cpu / recording.seconds, 5) if recording.seconds else None,
    }


LEAK, NOT_A_LEAK, UNDECIDED = (verdict.value for verdict in Verdict)
