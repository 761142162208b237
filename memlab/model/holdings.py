"""What each process holds in the kernel beside its memory: threads, children, page tables, descriptors.

A look at all of them is a sample with the names in /proc; it has the status only of those processes in which
something moved since the look before, and the number of descriptors (the size of /proc/PID/fd) likewise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from memlab.errors import Malformed
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.procfs import status


@dataclass(frozen=True)
class Holding:
    """One process at one look. tables: bytes of VmPTE and VmPMD; memory: of VmRSS and VmSwap; descriptors: open ones.

    tables and memory are None of a kernel thread and of a zombie; descriptors where nobody says.
    """

    name: str
    ppid: int
    is_zombie: bool
    threads: int
    tables: int | None
    memory: int | None
    descriptors: int | None


@dataclass(frozen=True)
class Look:
    """When all processes were looked at, how many there were, and what each held of those that were read."""

    monotonic: float
    listed: int
    held: dict[int, Holding]


def looks(recording: Recording) -> list[Look]:
    """All looks, in order of time; what was not read again is as it was at the look before."""
    found: list[Look] = []
    held: dict[int, Holding] = {}
    for sample in recording:
        there = _listed(sample)
        if there is None:
            continue
        moved = dict(_moved(sample, held))
        held = {pid: one for pid in there if (one := moved.get(pid) or held.get(pid)) is not None}
        found.append(Look(sample.monotonic, len(there), held))
    return found


def _listed(sample: Sample) -> list[int] | None:
    for call in sample.texts.calls:
        if call.kind == "listdir" and call.path == "/proc" and call.error is None:
            return [int(name) for name in call.result if name.isascii() and name.isdigit()]
    return None


def _moved(sample: Sample, before: dict[int, Holding]) -> Iterator[tuple[int, Holding]]:
    descriptors = {
        int(call.path.split("/")[2]): int(call.result["size_bytes"])
        for call in sample.texts.calls
        if call.kind == "stat" and call.error is None and _is_fd_folder(call.path)
    }
    for path, text in sample.texts.files.items():
        pid = _pid_of(path)
        if pid is None:
            continue
        known = before.get(pid)
        count = descriptors.pop(pid, known.descriptors if known else None)
        try:
            yield pid, _holding(status.parse(text, path), count)
        except Malformed:  # it ended while it was read
            continue
    for pid, count in descriptors.items():
        if pid in before:
            yield pid, replace(before[pid], descriptors=count)


def _is_fd_folder(path: str) -> bool:
    parts = path.split("/")
    return len(parts) == 4 and parts[1] == "proc" and parts[2].isdigit() and parts[3] == "fd"


def _pid_of(path: str) -> int | None:
    """Of /proc/PID/status and nothing else."""
    parts = path.split("/")
    is_status = len(parts) == 4 and parts[1] == "proc" and parts[3] == "status"
    return int(parts[2]) if is_status and parts[2].isdigit() else None


def _holding(one: status.Status, descriptors: int | None) -> Holding:
    tables = None if one.vm_pte is None else one.vm_pte + (one.vm_pmd or 0)
    memory = None if one.vm_rss is None else one.vm_rss + (one.vm_swap or 0)
    return Holding(
        one.name, one.ppid, one.state.startswith("Z"), one.threads or 1, tables, memory, descriptors
    )


def part_of(recording: Recording, pid: int, name: str = "") -> Recording:
    """A machine's recording as one of a single process: the instants at which that was looked at closer (its stat)."""
    path = f"/proc/{pid}/stat"
    samples = tuple(replace(sample, pid=pid) for sample in recording if path in sample.texts.files)
    header = replace(recording.header, target={"pid": pid, "comm": name})
    return replace(recording, header=header, samples=samples, given={})
