"""What memlab and the baselines say of one recording, at several lengths of the watch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import memlab.diagnose
from memlab.diagnose import diagnose
from memlab.errors import Unsupported
from memlab.lab.scorecard.baselines import judged_by_all
from memlab.model.diagnosis import Diagnosis, Verdict
from memlab.model.recording import Recording
from memlab.observe.files import open_recording

WINDOWS = (5.0, 10.0, 15.0, 30.0, 60.0)
CONFIDENCES = (0.8, 0.9, 0.95, 0.99, 0.999)
# when a watcher who asks again and again would ask: closely at first; the windows are among them
MOMENTS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0, 45.0, 60.0)
# of its ticks a watch must have had so many, and none of its gaps may be longer, or it was starved
FEWEST_TICKS, LONGEST_GAP_SECONDS = 0.8, 2.0


def judge_file(path: Path, seconds: float) -> dict[str, Any]:
    """All verdicts over one recording. Knows the file and nothing else of the case."""
    recording = open_recording(path)
    if recording.events:
        raise Unsupported(f"{path} holds what the leaker said of itself", "record it anew")
    said = {
        moment: _plain(diagnose(beginning(recording, moment)))
        for moment in (*(moment for moment in MOMENTS if moment < seconds), seconds)
    }
    return {
        "engine": engine(),
        "windows": {
            f"{window:g}": {
                **said[window],
                "baselines": judged_by_all(beginning(recording, window)),
            }
            for window in (*_windows(seconds), seconds)
        },
        "moments": _changes(said),
        "enough": _enough(recording),
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


def _windows(seconds: float) -> list[float]:
    return [window for window in WINDOWS if window < seconds]


def beginning(recording: Recording, seconds: float) -> Recording:
    """What was seen in the first so many seconds."""
    if not recording.samples:
        return recording
    until = recording.samples[0].monotonic + seconds + 1e-3
    seen = tuple(sample for sample in recording.samples if sample.monotonic <= until)
    return replace(recording, samples=seen)


def _plain(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "verdict": diagnosis.verdict.value,
        "why": diagnosis.why,
        "reason": diagnosis.reason and diagnosis.reason.value,
        "patterns": [finding.pattern and finding.pattern.value for finding in diagnosis.findings],
        "decide": diagnosis.decide,
    }


def _changes(said: dict[float, dict[str, Any]]) -> list[list[Any]]:
    """[seconds, verdict, first pattern] whenever that changed."""
    changes: list[list[Any]] = []
    for seconds, plain in said.items():
        told = [plain["verdict"], next(iter(plain["patterns"]), None)]
        if not changes or changes[-1][1:] != told:
            changes.append([seconds, *told])
    return changes


def _enough(recording: Recording) -> dict[str, dict[str, Any] | None] | None:
    """By confidence: when the watch would have stopped by itself, and what it would have said."""
    first_enough = _early_stop()
    if first_enough is None:
        return None
    found: dict[str, dict[str, Any] | None] = {}
    for confidence in CONFIDENCES:
        stopped = first_enough(recording, confidence)
        found[f"{confidence:g}"] = (
            None if stopped is None else {"seconds": round(stopped[0], 2), **_plain(stopped[1])}
        )
    return found


def _early_stop() -> Callable[[Recording, float], tuple[float, Diagnosis] | None] | None:
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
