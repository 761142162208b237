"""The leaker's account against the kernel's: meters by name, and what each must show.

A ledger is what a leaker says of itself; a meter is where the kernel shows the same. The
manifest says for each leaker which meters move and by how much; what is left over is the
residual, and the manifest bounds it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from memlab.errors import Unsupported
from memlab.lab.events import Event
from memlab.lab.experiment import Experiment
from memlab.lab.processes import descendants
from memlab.lab.registry import Leaker
from memlab.model.classify import Regions
from memlab.model.memory import MemoryType, RegionKind
from memlab.observe.sampler import Sampler
from memlab.procfs import stat, status, sysvipc_msg, sysvipc_shm
from memlab.procfs.host import Host
from memlab.units import MIB

_HOST = Host()
# what Python's own objects may take at any moment (Objects/obmalloc.c, ARENA_SIZE)
_PYMALLOC_ARENA = MIB

_KINDS = {
    "[heap]": (RegionKind.HEAP,),
    "malloc arena": (RegionKind.ARENA,),
    "anonymous": (RegionKind.PLAIN_ANONYMOUS, RegionKind.ALLOCATOR_ARENA),
    "[stack]": (RegionKind.MAIN_STACK,),
    "shared anonymous": (RegionKind.SHARED_ANONYMOUS,),
    "SysV shared memory": (RegionKind.SYSV_SHM,),
    "POSIX shared memory": (RegionKind.POSIX_SHM,),
    "memfd": (RegionKind.MEMFD,),
}


@dataclass(frozen=True)
class Entry:
    """One line of the account, in bytes or units: what must have moved, what the kernel shows."""

    meter: str
    expected: int
    shown: int
    bound: int

    @property
    def residual(self) -> int:
        """What the kernel shows beside what the leaker says."""
        return self.shown - self.expected

    @property
    def holds(self) -> bool:
        """Whether the residual is within the bound that the manifest derives."""
        return abs(self.residual) <= self.bound


def read(run: Experiment) -> dict[str, int]:
    """What the meters of this leaker show now.

    Raises Unsupported for a meter that this machine does not have (a memory cgroup of the
    leaker's own), Gone when the leaker has ended.
    """
    return {meter: METERS[meter](run) for meter in run.leaker.moves}


def account(
    run: Experiment, before: dict[str, int], said_before: Event, after: dict[str, int], said: Event
) -> list[Entry]:
    """The account between two readings, each with the ledger line of its moment."""
    units = said["leaked_units"] - said_before["leaked_units"]
    return [
        Entry(
            meter,
            expected(run.leaker, meter, said) - expected(run.leaker, meter, said_before),
            after[meter] - before[meter],
            bound(run.leaker, run.lang, meter, units),
        )
        for meter in run.leaker.moves
    ]


# the ledger of a leaker that has not leaked yet
NOTHING: Event = {
    "leaked_bytes": 0, "touched_bytes": 0, "leaked_units": 0, "count": 0, "site": "",
}  # fmt: skip
_OF_LOOKALIKES = {
    "resident": "private anonymous bytes",
    "virtual": "stat vsize",
    "swap-backed": "fd st_blocks",
    "kernel": "cgroup usage",
    "count": "cgroup usage",
}


def expected(leaker: Leaker, meter: str, said: Event) -> int:
    """By how much a meter must have moved since the start, by what the leaker says: bytes or units."""
    moved = {"leaked": said["leaked_bytes"], "touched": said["touched_bytes"]}
    return sum(
        moved[term] if isinstance(term, str) else term * said["leaked_units"]
        for term in leaker.moves.get(meter, ())
    )


def foremost(leaker: Leaker) -> str:
    """The meter to watch it by: the first that counts what leaks; of a look-alike, what it holds."""
    counting = [meter for meter in leaker.moves if (meter in COUNTS) == leaker.is_counted]
    return next(iter([*counting, *leaker.moves]), _OF_LOOKALIKES[leaker.basis])


def bound(leaker: Leaker, lang: str, meter: str, units: int) -> int:
    """How far a meter may be from the ledger after so many units: bytes; things are exact."""
    if meter in COUNTS:
        return 0
    own = _PYMALLOC_ARENA if lang == "python" and meter.startswith(("smaps", "stat ")) else 0
    return leaker.once_bytes + leaker.slack_bytes * units + own


def _regions(run: Experiment) -> Regions:
    regions = Sampler(run.pid, budget=1.0).take(must=True).regions
    if regions is None:
        raise Unsupported(f"smaps of {run.pid} cannot be read")
    return regions


def _rss_of(*kinds: RegionKind) -> Callable[[Experiment], int]:
    def rss(run: Experiment) -> int:
        regions = _regions(run)
        return sum(regions.footprint_by_kind[kind] for kind in kinds)

    return rss


def _bytes_of(memory_type: MemoryType) -> Callable[[Experiment], int]:
    return lambda run: _regions(run).bytes_by_type[memory_type]


def _page_tables(run: Experiment) -> int:
    return status.read(_HOST, run.pid).vm_pte or 0


def _descriptors(run: Experiment) -> Iterator[str]:
    folder = f"/proc/{run.pid}/fd"
    return (f"{folder}/{name}" for name in os.listdir(folder))


def _held_by_descriptors(run: Experiment) -> int:
    """Bytes of the memfds and tmpfs files that its descriptors lead to."""
    held = {}
    for descriptor in _descriptors(run):
        with suppress(FileNotFoundError):
            if os.readlink(descriptor).startswith(("/memfd:", "/dev/shm/")):
                found = os.stat(descriptor)
                held[found.st_ino] = found.st_blocks * 512
    return sum(held.values())


def _files(run: Experiment) -> list[os.stat_result]:
    folder = Path(f"/dev/shm/memlab-{os.getuid()}-{(run.box or {})['run']}/files")
    return [path.stat() for path in folder.iterdir()]


def _segments(run: Experiment) -> list[os.stat_result]:
    return [
        path.stat()
        for path in Path("/dev/shm").glob(f"memlab-{os.getuid()}-{(run.box or {})['run']}.*")
    ]


def _blocks(files: list[os.stat_result]) -> int:
    return sum(file.st_blocks * 512 for file in files)


def _sysv_segments(run: Experiment) -> int:
    return sum(one.rss or 0 for one in sysvipc_shm.read(_HOST) if one.cpid == run.pid)


def _sysv_messages(run: Experiment) -> int:
    return sum(one.cbytes for one in sysvipc_msg.read(_HOST) if one.lspid == run.pid)


def _group(run: Experiment) -> int:
    folder = (run.box or {}).get("cgroup")
    if not folder:
        raise Unsupported(
            f"only a memory cgroup of its own shows what {run.leaker.name} takes, and it has none",
            "run as root: memlab doctor says whether one can be made",
        )
    names = ("memory.usage_in_bytes", "memory.current")  # cgroup v1, v2
    (path,) = (path for name in names if (path := Path(folder, name)).exists())
    return int(path.read_text())


def _children(run: Experiment, state: str = "") -> int:
    found = 0
    for pid in descendants(run.pid):
        found += not state or stat.read(_HOST, pid).state == state
    return found


METERS: dict[str, Callable[[Experiment], int]] = {
    **{f"smaps {name} Rss": _rss_of(*kinds) for name, kinds in _KINDS.items()},
    "smaps thread stack Size": lambda run: _regions(run).virtual_by_kind[RegionKind.THREAD_STACK],
    "private anonymous bytes": _bytes_of(MemoryType.PRIVATE_ANONYMOUS),
    "private file bytes": _bytes_of(MemoryType.PRIVATE_FILE),
    "shared file bytes": _bytes_of(MemoryType.SHARED_FILE),
    "stat vsize": lambda run: stat.read(_HOST, run.pid).vsize,
    "stat num_threads": lambda run: stat.read(_HOST, run.pid).num_threads,
    "status VmPTE": _page_tables,
    "fd count": lambda run: len(list(_descriptors(run))),
    "fd st_blocks": _held_by_descriptors,
    "tmpfs files": lambda run: len(_files(run)),
    "tmpfs st_blocks": lambda run: _blocks(_files(run)),
    "/dev/shm st_blocks": lambda run: _blocks(_segments(run)),
    "sysvipc/shm rss": _sysv_segments,
    "sysvipc/msg cbytes": _sysv_messages,
    "cgroup usage": _group,
    "children": _children,
    "zombies": lambda run: _children(run, "Z"),
}
COUNTS = ("stat num_threads", "fd count", "tmpfs files", "children", "zombies")
