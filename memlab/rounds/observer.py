"""The process that watches: what it keeps of the readings is then no memory of the process that it watches.

One for a run of pytest, for a worker of xdist, for a kernel. It is no child of the process that it watches, for code
under test may wait for all of its own; it ends with that process, or when its pipe is closed.
Of each letter on stdin: b takes a first reading, r one more, j judges, g gives what was read; its answer is a
pickle on stdout.
"""

from __future__ import annotations

import os
import pickle
import select
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

from memlab.errors import Gone, MemlabError
from memlab.model.diagnosis import Diagnosis

if TYPE_CHECKING:
    from memlab.model.recording import Recording

# smaps of the 400 mappings of a large test run takes 2 ms; they are read at every reading, whatever that costs
_ANY_BUDGET = 1e6


@dataclass(frozen=True)
class Window:
    """What came of a window; `least` is what would have been seen of each unit ("bytes", "descriptors", …)."""

    diagnosis: Diagnosis
    least: dict[str, float]


class Observer:
    """The observer of this very process. Raises the errors of `Sampler`."""

    def __init__(self) -> None:
        self.watched = os.getpid()
        starter = subprocess.Popen(
            [sys.executable, "-P", "-m", "memlab.rounds.observer", str(self.watched)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert starter.stdin is not None and starter.stdout is not None
        self._ask: IO[bytes] = starter.stdin
        self._answer: IO[bytes] = os.fdopen(os.dup(starter.stdout.fileno()), "rb")
        starter.stdout.close()
        starter.wait()

    def begin(self) -> None:
        """Take the first reading of a new window."""
        self._of(b"b")

    def read(self) -> None:
        """Take one more."""
        self._of(b"r")

    def judge(self) -> Window:
        """Judge the window."""
        window: Window = self._of(b"j")
        return window

    def recording(self) -> Recording:
        """What was read in the window so far: from here on it is memory of this process too."""
        recording: Recording = self._of(b"g")
        return recording

    def _of(self, letter: bytes) -> Any:
        try:
            self._ask.write(letter)
            answer = pickle.load(self._answer)
        except (OSError, ValueError, EOFError, pickle.UnpicklingError):
            raise Gone(
                "the process that watches has ended, or its pipe was closed",
                "does the code under test close all descriptors, or kill processes?",
            ) from None
        if isinstance(answer, MemlabError):
            raise answer
        return answer


def main(pid: int) -> None:
    """Detach from who started us, and answer until the process ends or asks no more."""
    if os.fork():
        os._exit(0)  # nobody's child any more, and nothing of ours to flush
    os.setsid()  # Ctrl-C is for pytest
    watched = os.pidfd_open(pid)
    while True:
        ready, _, _ = select.select([0, watched], [], [])
        letter = os.read(0, 1) if 0 in ready else b""
        if not letter:
            return
        answer: Window | Recording | MemlabError | None
        try:
            answer = _ANSWERS[letter](pid)
        except MemlabError as error:
            answer = error
        with os.fdopen(os.dup(1), "wb") as out:
            pickle.dump(answer, out)


_window: tuple[Any, Any] | None = None


def _begin(pid: int) -> None:
    global _window
    from memlab.observe.live import Window as Samples
    from memlab.observe.sampler import Sampler

    _window = Sampler(pid, budget=_ANY_BUDGET), Samples()
    _read(pid)


def _read(_pid: int) -> None:
    assert _window is not None
    sampler, samples = _window
    samples.add(sampler.take(must=True))


def _judge(_pid: int) -> Window:
    from memlab.diagnose.accounts import accounts
    from memlab.diagnose.judge import GRAINS, diagnose
    from memlab.model.memory import Basis

    assert _window is not None
    sampler, samples = _window
    recording = _by_rounds(samples.recording(sampler.header()))
    least: dict[str, float] = {}
    for account in accounts(recording):
        if account.basis is not Basis.VIRTUAL:
            least[account.unit] = max(least.get(account.unit, 0.0), GRAINS * account.quantum)
    return Window(diagnose(recording), least)


def _by_rounds(recording: Recording) -> Recording:
    """The same, its readings at equal distances: what a round keeps does not depend on how long it took.

    By the clock of a busy machine some rounds are long, and growth that is as even as can be would seem to rest.
    """
    times = recording.samples[0].monotonic, recording.samples[-1].monotonic
    step = (times[1] - times[0]) / max(1, len(recording) - 1)
    even = tuple(
        replace(sample, monotonic=times[0] + n * step) for n, sample in enumerate(recording.samples)
    )
    return replace(recording, samples=even)


def _give(_pid: int) -> Recording:
    assert _window is not None
    sampler, samples = _window
    recording: Recording = samples.recording(sampler.header())
    return recording


_ANSWERS = {b"b": _begin, b"r": _read, b"j": _judge, b"g": _give}

if __name__ == "__main__":
    # a class is pickled by the name of its module: ours must be the one that the other end imports
    from memlab.rounds import observer

    observer.main(int(sys.argv[1]))
