"""A leaker moved by count, with a look at it before and after: no clock in between."""

from __future__ import annotations

from memlab.lab.experiment import Experiment
from memlab.model.recording import Recording
from memlab.observe.sampler import Sampler


def stepped(leaker: Experiment, events: int = 1, times: int = 1) -> Recording:
    """Leak `events` events, `times` times over; `times` + 1 samples, each with the mappings.

    The leaker should be paused. A sample holds, as its event, what the ledger said right
    before it; the first one has none. Raises Gone when the leaker ends.
    """
    sampler = Sampler(leaker.pid)
    samples = [sampler.take(must=True)]
    for _ in range(times):
        said = leaker.step(events)
        samples.append(sampler.take(must=True, events=(said,)))
    header = sampler.header({"stepped": events, "times": times})
    return Recording(header, tuple(samples))
