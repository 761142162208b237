"""The one loop: observe, judge what to observe next, observe; and in the end, a verdict."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace

from memlab.diagnose import diagnose, step
from memlab.diagnose.enough import is_enough, moments
from memlab.diagnose.judge import suspected
from memlab.errors import Refused
from memlab.model.diagnosis import Cost, Diagnosis, Need, Verdict, Why
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.observe.family import Family
from memlab.observe.files import RecordingWriter
from memlab.observe.live import DEFAULT_INTERVAL, Window, watch, watch_family
from memlab.observe.pace import Pace
from memlab.observe.sampler import DEFAULT_BUDGET, DEFAULT_STALL, Sampler
from memlab.trace.choose import Choice, choose


class CostMeter:
    """What a command that goes on has taken so far: all CPU time of this program, whatever it did."""

    def __init__(self) -> None:
        self._began, self._cpu = time.monotonic(), time.process_time()

    def cost(self, instants: int) -> Cost:
        """From the start until now, for so many instants."""
        spent, lasted = time.process_time() - self._cpu, time.monotonic() - self._began
        return Cost(round(spent, 4), round(spent / max(lasted, 1e-3), 5), instants)


class EarlyJudge:
    """The judge of a watch that ends as soon as the evidence suffices; see `diagnose.enough`.

    What judging costs is bound to a budget of its own: a moment is left out that comes too soon.
    """

    def __init__(
        self, window: Window, header: Header, seconds: float, confidence: float, budget: float
    ) -> None:
        self._window, self._header, self._confidence = window, header, confidence
        self._moments = moments(seconds) if confidence < 1 else []
        self._asked = len(self._moments) + 1
        self._pace = Pace(budget, least_seconds=0.0)
        self._began: float | None = None
        self.sufficed = False
        self.cpu_seconds = 0.0

    def __call__(self, looked: Sample | None, now: Sample) -> Need:
        """STOP when it is enough; else what `diagnose.step` says."""
        self._began = now.monotonic if self._began is None else self._began
        passed = [m for m in self._moments if m <= now.monotonic - self._began]
        if passed and now.has_mappings and self._pace.due(now.monotonic):
            self._moments = self._moments[len(passed) :]
            self.sufficed = self._suffices()
            if self.sufficed:
                return Need.STOP
        return step(looked, now)

    def _suffices(self) -> bool:
        cpu = time.thread_time()
        said = diagnose(self._window.recording(self._header))
        spent = time.thread_time() - cpu
        self.cpu_seconds += spent
        self._pace.done(time.monotonic(), spent)
        return is_enough(said, self._confidence, self._asked)


def watch_and_diagnose(
    pid: int,
    seconds: float = 15.0,
    *,
    confidence: float = 1.0,
    interval: float = DEFAULT_INTERVAL,
    budget: float = DEFAULT_BUDGET,
    stall: float = DEFAULT_STALL,
    writer: RecordingWriter | None = None,
    stop: threading.Event | None = None,
    interruptible: bool = False,
) -> tuple[Diagnosis, Recording]:
    """Watch a process for `seconds`, or until it ends or `stop` is set, and judge what was seen.

    Read-only. With a `confidence` below 1 the watch ends as soon as a leak is as certain as that.
    With a `writer` each instant is kept as it comes. Where it is `interruptible`, Ctrl-C ends the
    watch and no more. Raises Gone and Unsupported as `Sampler` does.
    """
    cpu = time.thread_time()
    sampler = Sampler(pid, budget=budget, stall=stall)
    header = sampler.header(
        {
            "seconds": seconds,
            "interval": interval,
            "budget": budget,
            "stall": stall,
            "confidence": confidence,
        }
    )
    window = Window()
    judge = EarlyJudge(window, header, seconds, confidence, budget)
    with _ended_by_ctrl_c(interruptible):
        for sample in watch(sampler, interval=interval, seconds=seconds, judge=judge, stop=stop):
            window.add(sample)
            if writer is not None:
                writer.add(sample)
    if judge.sufficed:
        header = replace(header, asked={**header.asked, "sufficed": True})
    recording = window.recording(header)
    spent = (
        time.thread_time() - cpu - judge.cpu_seconds
    )  # what looking took; judging comes in any case
    cost = Cost(round(spent, 4), round(spent / max(recording.seconds, interval), 5), len(recording))
    return diagnose(recording, cost), recording


def watch_and_diagnose_family(
    pid: int,
    seconds: float = 15.0,
    *,
    interval: float = DEFAULT_INTERVAL,
    budget: float = DEFAULT_BUDGET,
    stall: float = DEFAULT_STALL,
    stop: threading.Event | None = None,
    interruptible: bool = False,
) -> list[tuple[Diagnosis, Recording]]:
    """As `watch_and_diagnose`, of a process and all its descendants; in the order in which they were met."""
    asked = {"seconds": seconds, "interval": interval, "budget": budget, "stall": stall}
    windows: dict[int, tuple[Sampler, Window]] = {}
    family = Family(pid, budget=budget, stall=stall)
    with _ended_by_ctrl_c(interruptible):
        for sampler, sample in watch_family(
            family, interval=interval, seconds=seconds, judge=step, stop=stop
        ):
            windows.setdefault(sampler.pid, (sampler, Window()))[1].add(sample)
    recordings = [window.recording(sampler.header(asked)) for sampler, window in windows.values()]
    return [(diagnose(recording), recording) for recording in recordings]


def _ended_by_ctrl_c(heeded: bool) -> AbstractContextManager[None]:
    return suppress(KeyboardInterrupt) if heeded else nullcontext()


def plan_trace(pid: int, seconds: float = 15.0) -> tuple[Choice, Diagnosis]:
    """Watch a process read-only until it is clear what grows, and choose the engine that names who asks for it.

    Raises Refused where nothing leaks, for then there is nothing to name.
    """
    found, recording = watch_and_diagnose(pid, seconds, confidence=0.99)
    if found.verdict is Verdict.NOT_A_LEAK:
        raise Refused(
            f"nothing to trace was seen in {found.observed_seconds:.0f} s: {found.why}",
            "--engine gdb shows what malloc keeps"
            if found.reason is Why.RETENTION
            else "name a --pattern to trace it all the same",
        )
    patterns = found.findings[0].candidates if found.findings else suspected(recording)
    return choose(pid, patterns), found
