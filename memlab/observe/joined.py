"""Several recordings of one process become one, with gaps: before and after is the strongest evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from memlab.errors import Malformed, Unsupported
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.units import format_seconds

# a process is its pid, its start in clock ticks since boot, and the boot (fs/proc/array.c, start_time)
_IDENTITY = ("pid", "start_time_ticks", "boot_id")


def join(recordings: Sequence[Recording], names: Sequence[str] = ()) -> Recording:
    """One recording of all instants in order of time; `names` are what the errors call them.

    What two recordings have in common is kept once. Raises Unsupported where they are not of one
    process, or do not say of which; Malformed where one has no instant; ValueError without any.
    """
    if not recordings:
        raise ValueError("no recordings to join")
    called = list(names) or [f"recording {n}" for n in range(1, len(recordings) + 1)]
    if len(recordings) == 1:
        return recordings[0]
    for name, recording in zip(called, recordings, strict=True):
        if not recording.samples:
            raise Malformed(name, 0, "", "has no instant to compare")
        _refuse_another(called[0], recordings[0].header, name, recording.header)
    ordered = sorted(recordings, key=lambda one: one.samples[0].wall)
    samples = _in_one_time(ordered)
    shift = _shift(ordered[0], ordered[-1])
    last_from = ordered[-1].samples[0].monotonic + shift
    asked = {"recordings": len(ordered), "last_from": last_from}
    header = replace(ordered[-1].header, asked=asked)
    losses = tuple(loss for one in ordered for loss in one.losses)
    return Recording(header, samples, losses, sources=_sources(ordered))


def _refuse_another(first: str, one: Header, second: str, other: Header) -> None:
    """One clear line where these are not of one process."""
    hidden = [header.asked.get("redacted", False) for header in (one, other)]
    if hidden[0] != hidden[1]:
        redacted, plain = (first, second) if hidden[0] else (second, first)
        raise Unsupported(
            f"{redacted} is redacted and {plain} is not, so that their names cannot be compared",
            f"take both plain, or both from one call of memlab redact: memlab redact PLAIN {plain}",
        )
    said, says = one.target.get("comm"), other.target.get("comm")
    if None in [header.target.get(key) for header in (one, other) for key in _IDENTITY]:
        raise Unsupported(
            f"{first} and {second} do not both say of which process they are",
            "judge each by itself",
        )
    if [one.target[key] for key in _IDENTITY] == [other.target[key] for key in _IDENTITY]:
        return
    if said == says:
        raise Unsupported(
            f"{first} and {second} are of two runs of {said}, so that what one has more did not grow",
            f"judge each by itself: memlab diagnose {second}; or, if {first} is without what is suspected, against it:"
            f" memlab diagnose {second} --control {first}",
        )
    raise Unsupported(
        f"{first} is of {said} and {second} of {says}: these are two programs",
        "judge each by itself",
    )


def _in_one_time(ordered: Sequence[Recording]) -> tuple[Sample, ...]:
    """Their samples on the clock of the first, numbered anew.

    memlab reads CLOCK_MONOTONIC, which stands still while the machine sleeps, and memlab-capture the
    time since boot, which does not. Between two kinds of clock the time of day tells.
    """
    found: dict[float, Sample] = {}
    for recording in ordered:
        shift = _shift(ordered[0], recording)
        for sample in recording.samples:
            found.setdefault(sample.monotonic + shift, sample)
    return tuple(
        replace(sample, index=index, monotonic=time)
        for index, (time, sample) in enumerate(sorted(found.items()))
    )


def _shift(first: Recording, other: Recording) -> float:
    """What is to be added to the other's clock, in seconds, to have that of the first."""
    if other.header.host.get("clock") == first.header.host.get("clock"):
        return 0.0
    start, begins = first.samples[0], other.samples[0]
    return (begins.wall - start.wall) - (begins.monotonic - start.monotonic)


def _sources(ordered: Sequence[Recording]) -> tuple[str, ...]:
    """What was joined, and how far apart."""
    gaps = [after.samples[0].wall - before.samples[-1].wall for before, after in pairwise(ordered)]
    apart = " and ".join(format_seconds(max(0.0, gap)) for gap in gaps)
    lengths = ", ".join(format_seconds(one.seconds) for one in ordered)
    return (f"{len(ordered)} recordings of one process, of {lengths}; {apart} between them",)
