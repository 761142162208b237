"""How long something lasted, in words: seconds, or looks where nobody knows when these were taken."""

from __future__ import annotations

from memlab.model.recording import Recording
from memlab.units import counted, format_seconds

UNTIMED = "at times that are not known"


def lasted(recording: Recording, seconds: float) -> str:
    """Of a part of the window: '9 s'; where looks were counted, '9 looks'."""
    if recording.is_timed:
        return format_seconds(seconds)
    return counted(round(seconds), "look")


def in_window(recording: Recording) -> str:
    """Of all of it: 'in 9 s', 'over 10 looks at times that are not known'."""
    if recording.is_timed:
        return f"in {format_seconds(recording.seconds)}"
    return f"over {counted(recording.instants, 'look')} {UNTIMED}"
