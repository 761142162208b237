"""Memory of processes: what each has resident and shares with nobody."""

from __future__ import annotations

from collections.abc import Iterator

from memlab.diagnose.account import IN_RSS_ANON, MMAP_THRESHOLD, Account
from memlab.diagnose.sums import Part
from memlab.model.memory import Basis
from memlab.model.recording import Recording

# all that is there is opened and read within this; who comes later is found at the next search, after two seconds
_FIRST_LOOK = 1.0


def resident(recording: Recording) -> Iterator[Part]:
    """The series that the observer gives, `PID comm` each."""
    for title, series in recording.given.items():
        pid, _, name = title.partition(" ")
        where = f"{name} (pid {pid}): resident memory"
        account = Account(IN_RSS_ANON, Basis.RESIDENT, MMAP_THRESHOLD, series, where, series.source)
        late = len(recording) > 0 and len(series) > 0
        born = late and bool(series.times[0] > recording.samples[0].monotonic + _FIRST_LOOK)
        yield Part(account, f"memlab diagnose {pid}", pid=int(pid), born=born)
