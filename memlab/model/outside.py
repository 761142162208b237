"""What a sample says of memory that no mapping shows: the group it is accounted in, and System V objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TypeVar

from memlab.errors import Denied, Gone, Unsupported
from memlab.model.sample import Sample
from memlab.procfs import cgroup_memory, io, sysvipc_msg, sysvipc_shm
from memlab.procfs.host import Host
from memlab.units import KIB

T = TypeVar("T")
_V2_KERNEL = ("kernel_stack", "pagetables", "sec_pagetables", "percpu", "sock", "vmalloc", "slab")
# THREAD_SIZE of x86-64 and arm64: the kernel's own stack of each thread
STACK_BYTES = 16 * KIB


@dataclass(frozen=True)
class Group:
    """The innermost memory cgroup of a process; bytes, None where this version does not say.

    stat: memory.stat of the group itself; kernel: kernel memory of all kinds, `reclaimable` the part that the
    kernel gives back by itself (slab_reclaimable; v1 does not say); pids: who is in it; below: how many
    groups are in it, whose memory its usage counts too.
    """

    stat: Mapping[str, int]
    usage: int | None
    kernel: int | None
    reclaimable: int | None
    pids: frozenset[int]
    below: int


def _kept(read: Callable[[Sample], T]) -> Callable[[Sample], T]:
    """Asked of each sample by many accounts, and parsed once."""

    @wraps(read)
    def get(sample: Sample) -> T:
        kept = sample.__dict__  # as a cached_property keeps its value
        if read.__name__ not in kept:
            kept[read.__name__] = read(sample)
        found: T = kept[read.__name__]
        return found

    return get


@_kept
def group_of(sample: Sample) -> Group | None:
    """Its memory cgroup; None where none was read in this instant."""
    folder = _folder_of(sample)
    if folder is None:
        return None
    stat = _of(lambda host: cgroup_memory.read_stat(host, folder), sample)
    members = sample.texts.files.get(f"{folder}/cgroup.procs")
    if stat is None or members is None:
        return None
    place = _of(lambda host: host.stat(folder), sample)
    kmem = _size(sample, f"{folder}/memory.kmem.usage_in_bytes")
    return Group(
        stat,
        _size(sample, f"{folder}/memory.usage_in_bytes")
        or _size(sample, f"{folder}/memory.current"),
        _kernel_of(stat) if kmem is None else kmem,
        stat.get("slab_reclaimable"),
        frozenset(int(word) for word in members.split() if word.isdigit()),
        max(0, place.links - 2) if place else 0,
    )


def _folder_of(sample: Sample) -> str | None:
    """That of its group: an instant of a machine has those of several processes. Who has left it keeps the first."""
    files = sample.texts.files
    folders = [path.removesuffix("/memory.stat") for path in files if path.endswith("/memory.stat")]
    own = str(sample.pid).encode()
    inside = (one for one in folders if own in files.get(f"{one}/cgroup.procs", b"").split())
    return next(inside, folders[0] if folders else None)


def _kernel_of(stat: Mapping[str, int]) -> int | None:
    """v2: `kernel` and `sock` (5.18), else the sum of its parts."""
    if "kernel" in stat:
        return stat["kernel"] + stat.get("sock", 0)
    return sum(stat.get(name, 0) for name in _V2_KERNEL) if "slab" in stat else None


@_kept
def segments(sample: Sample) -> tuple[sysvipc_shm.Segment, ...] | None:
    """The System V shared memory segments that we share a namespace with."""
    return _of(sysvipc_shm.read, sample)


@_kept
def queues(sample: Sample) -> tuple[sysvipc_msg.Queue, ...] | None:
    """The System V message queues, likewise."""
    return _of(sysvipc_msg.read, sample)


@_kept
def written(sample: Sample) -> float | None:
    """Bytes that it has written by calls so far (io wchar); None where that may not be read."""
    found = _of(lambda host: io.read(host, sample.pid), sample)
    return None if found is None else float(found.wchar)


def bpf_maps(sample: Sample) -> float | None:
    """Bytes that the kernel keeps for the BPF maps behind its descriptors (fdinfo memlock); None without any look."""
    if sample.fds is None:
        return None
    total, own = 0, f"/proc/{sample.pid}/fdinfo/"
    for path, text in sample.texts.files.items():
        if path.startswith(own):
            for line in text.splitlines():
                if line.startswith(b"memlock:"):
                    total += int(line.split()[1])
    return float(total)


def _size(sample: Sample, path: str) -> int | None:
    text = sample.texts.files.get(path)
    return None if text is None else cgroup_memory.parse_size(text, path)


def _of(read: Callable[[Host], T], sample: Sample) -> T | None:
    try:
        return read(sample.host)
    except (Denied, Gone, Unsupported):
        return None
