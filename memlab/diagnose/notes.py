"""What else is worth knowing of a watch: how it ended, how young its process was, what could not be seen."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from memlab.diagnose.accounts import lost_after
from memlab.model.diagnosis import Finding
from memlab.model.recording import Recording
from memlab.units import format_seconds

LOOK_AT_LEAST_EVERY = 1.0  # seconds


def notes(recording: Recording, findings: tuple[Finding, ...]) -> list[str]:
    """Whether the watch was cut short, or its looks were few."""
    said = []
    asked = recording.header.asked.get("seconds")
    if asked is not None and len(recording) and recording.seconds < asked - _grain(recording):
        said.append(_cut_short(recording, asked))
    if findings:
        said += _young(recording)
    lost = lost_after(recording)
    if lost is not None:
        said.append(
            f"after {format_seconds(lost)} its mappings could be read no more: it changed its user, or"
            " forbade it (prctl PR_SET_DUMPABLE)"
        )
    looks = [sample.monotonic for sample in recording if sample.has_mappings]
    widest = max((after - before for before, after in pairwise(looks)), default=0.0)
    budget = recording.header.asked.get("budget")
    if budget is not None and widest > 2 * LOOK_AT_LEAST_EVERY:
        said.append(
            f"the mappings were read {len(looks)} times only, up to {format_seconds(widest)} apart:"
            f" more would have cost over {budget:.2g} of a core (--budget)"
        )
    return said


def _cut_short(recording: Recording, asked: float) -> str:
    lasted = format_seconds(recording.seconds)
    if recording.ended:
        return (
            f"it ended after {lasted} of {format_seconds(asked)}, and what was its own went back to the kernel;"
            " if it should have lived on, ask the kernel's log: dmesg | grep -i kill"
        )
    if recording.header.asked.get("sufficed"):
        return (
            f"the watch ended after {lasted} of {format_seconds(asked)}: the evidence sufficed"
            " (--confidence 1 watches on)"
        )
    return f"it was to be watched for {format_seconds(asked)}: after {lasted} the process ended, or the watch was ended"


def _young(recording: Recording) -> Iterator[str]:
    """A program that has just begun is still setting up; how long that takes, only it knows."""
    age = _age(recording)
    if age is not None and age < recording.seconds:
        yield (
            f"it had run for {format_seconds(age)} when the watch began: a warm-up looks the same until"
            " it ends, so look again later"
        )


def _age(recording: Recording) -> float | None:
    """How long it had run when the watch began, in seconds; None where that is not known."""
    started = recording.header.target.get("start_time_ticks")
    ticks = recording.header.host.get("ticks_per_second")
    if started is None or not ticks or not len(recording):
        return None
    age = recording.samples[0].monotonic - started / ticks
    return float(age) if age >= 0 else None  # a machine that slept has another clock


def is_job(recording: Recording) -> str | None:
    """A sentence where a program ended by itself, of which the better part of its life was seen.

    A job grows as it works and gives all back at its end (kernel/exit.c, exit_mm), where a leak is growth of
    what lives on. Who had run for longer is another matter: it may have been killed for its size.
    """
    age = _age(recording)
    if not recording.ended or age is None or age >= recording.seconds:
        return None
    return (
        f"ended: it ran for {format_seconds(age + recording.seconds)}, of which {format_seconds(recording.seconds)}"
        " were seen, and what was its own went back to the kernel: a job, if it was meant to end"
    )


def _grain(recording: Recording) -> float:
    """How much shorter a watch may be that ran to its end.

    It ends at the tick nearest to what was asked, and the time of an instant is the middle of its
    reading, of which the first takes longest.
    """
    interval: float = recording.header.asked.get("interval", 0.0)
    return interval + recording.samples[0].read_seconds


def not_seen(recording: Recording) -> tuple[str, ...]:
    """What was denied, named once, with what it would have told."""
    denied = {
        call.path: call.message.partition(" may not be read: ")[2] or "run as its owner or as root"
        for sample in recording
        for call in sample.texts.calls
        if call.error == "Denied"
    }
    meaning = {
        "smaps": "which mapping grows (heap, mmap or a stack)",
        "fd": "which open files grow",
        "exe": "which program it is",
    }
    pid = str(recording.header.pid)
    sentences = []
    for path, help_ in sorted(denied.items()):
        file = path.removeprefix(f"/proc/{pid}/").split("/")[0]
        told = f": it would tell {meaning[file]}" if file in meaning else ""
        sentences.append(f"{path} was denied{told}; {help_}")
    sentences += sorted({message for sample in recording for message in sample.left_out})
    return tuple(sentences)
