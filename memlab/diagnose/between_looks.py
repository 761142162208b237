"""What the machine has more, and less, in the last of several looks at it: of `free` and of meminfo."""

from __future__ import annotations

from collections.abc import Iterator

from memlab.model.machine import machine_ledger
from memlab.model.recording import Recording
from memlab.units import counted, format_bytes

_SHOWN = 3


def between_looks(recording: Recording) -> Iterator[str]:
    """How available memory moved, and which parts of the ledger grew most; no verdict, for it names no process."""
    available = recording.series("meminfo.mem_available")
    if len(available) < 2:
        return
    moved = "less" if available.growth <= 0 else "more"
    since = f"in the last of {counted(len(available), 'look')} than in the first"
    yield f"the machine has {format_bytes(abs(available.growth))} {moved} available memory {since}"
    looked = [sample for sample in recording if sample.meminfo is not None]
    grown: dict[str, float] = {}
    if len(looked) > 1:
        before, after = (
            machine_ledger(s.meminfo, s.vmstat).parts for s in (looked[0], looked[-1]) if s.meminfo
        )
        grown = {
            name: float(size - before.get(name, 0))
            for name, size in after.items()
            if name != "free"
        }
    else:
        shared = recording.series("meminfo.shmem")
        grown = {"shared memory and tmpfs": shared.growth} if len(shared) > 1 else {}
    for name in sorted(grown, key=lambda name: -grown[name])[:_SHOWN]:
        if grown[name] > 0:
            yield f"{name} has {format_bytes(grown[name])} more {since}"
