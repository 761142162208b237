"""The one loop: observe, judge what to observe next, observe; and in the end, a verdict."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager, nullcontext, suppress

from memlab.diagnose import diagnose, step
from memlab.model.diagnosis import Cost, Diagnosis
from memlab.model.recording import Recording
from memlab.observe.family import Family
from memlab.observe.files import RecordingWriter
from memlab.observe.live import DEFAULT_INTERVAL, Window, watch, watch_family
from memlab.observe.sampler import DEFAULT_BUDGET, DEFAULT_STALL, Sampler


class CostMeter:
    """What a command that goes on has taken so far: all CPU time of this program, whatever it did."""

    def __init__(self) -> None:
        self._began, self._cpu = time.monotonic(), time.process_time()

    def cost(self, instants: int) -> Cost:
        """From the start until now, for so many instants."""
        spent, lasted = time.process_time() - self._cpu, time.monotonic() - self._began
        return Cost(round(spent, 4), round(spent / max(lasted, 1e-3), 5), instants)


def watch_and_diagnose(
    pid: int,
    seconds: float = 15.0,
    *,
    interval: float = DEFAULT_INTERVAL,
    budget: float = DEFAULT_BUDGET,
    stall: float = DEFAULT_STALL,
    writer: RecordingWriter | None = None,
    stop: threading.Event | None = None,
    interruptible: bool = False,
) -> tuple[Diagnosis, Recording]:
    """Watch a process for `seconds`, or until it ends or `stop` is set, and judge what was seen.

    Read-only. With a `writer` each instant is kept as it comes. Where it is `interruptible`, Ctrl-C
    ends the watch and no more. Raises Gone and Unsupported as `Sampler` does.
    """
    cpu = time.thread_time()
    sampler = Sampler(pid, budget=budget, stall=stall)
    header = sampler.header(
        {"seconds": seconds, "interval": interval, "budget": budget, "stall": stall}
    )
    window = Window()
    with _ended_by_ctrl_c(interruptible):
        for sample in watch(sampler, interval=interval, seconds=seconds, judge=step, stop=stop):
            window.add(sample)
            if writer is not None:
                writer.add(sample)
    recording = window.recording(header)
    spent = time.thread_time() - cpu
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
