"""The fall of MemAvailable, split among processes, mounts and lines that do not overlap; the residual is the rest."""

from __future__ import annotations

from collections.abc import Iterator

from memlab.diagnose.machine.lines import KERNEL, LINE, NOWHERE, line
from memlab.diagnose.machine.resident import resident
from memlab.diagnose.machine.shared import SEGMENTS, all_segments, mounts
from memlab.model.diagnosis import Attribution, Share
from memlab.model.recording import Recording

_SHOWN = 6


def split(recording: Recording) -> Attribution | None:
    """None where it was read once only."""
    available = recording.series("meminfo.mem_available")
    if len(available) < 2:
        return None
    processes = dict(_process_growths(recording))
    used = {p.account.where: (p.account.series.growth, "statvfs") for p in mounts(recording)}
    segments = recording.collect("segments", all_segments).growth
    shmem = recording.series("meminfo.shmem").growth
    other = shmem - segments - sum(growth for growth, _ in used.values())
    rows = {**used, "System V segments": (segments, SEGMENTS)}
    rows["other shared memory"] = (other, "meminfo Shmem, the rest")
    for name in KERNEL:
        if name != NOWHERE:
            rows[f"the kernel's {name}"] = (line(recording, name).growth, LINE + name)
    largest = sorted(processes, key=lambda where: -abs(processes[where][0]))
    rest = sum(processes[where][0] for where in largest[_SHOWN:])
    shown = {where: processes[where] for where in largest[:_SHOWN]} | rows
    shown["all other processes"] = (rest, "statm resident - shared")
    shares = [
        Share(where, round(growth), source) for where, (growth, source) in shown.items() if growth
    ]
    shares.sort(key=lambda share: -abs(share.bytes))
    return Attribution("fall of MemAvailable (meminfo)", round(-available.growth), tuple(shares))


def _process_growths(recording: Recording) -> Iterator[tuple[str, tuple[float, str]]]:
    """Whose memory became how much more; of what was started meanwhile all that it has."""
    for part in resident(recording):
        account = part.account
        if part.born:
            where = f"{account.where}, started meanwhile"
            yield where, (float(account.series.values[-1]), account.source)
        else:
            yield account.where, (account.series.growth, account.source)
