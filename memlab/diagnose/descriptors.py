"""What descriptors show: how many are open, and the memory behind them that is mapped nowhere."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterator

from memlab.diagnose.account import Account
from memlab.diagnose.advice import trace
from memlab.model.memory import Basis, Pattern, RegionKind
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.procfs.fd import Fd
from memlab.units import PAGE_BYTES, format_change

# pipe(2) and socketpair(2) make two at once, the most that one call opens
PAIR = 2
_CALLS = {
    "file": "openat,close",
    "deleted": "openat,unlink,close",
    "folder": "openat,close",
    "device": "openat,close",
    "memfd": "memfd_create,close",
    "pipe": "?pipe,pipe2,close",
    "socket": "socket,socketpair,accept,accept4,close",
    "eventpoll": "epoll_create1,?epoll_create,close",
    "eventfd": "eventfd2,?eventfd,close",
    "timerfd": "timerfd_create,close",
    "inotify": "inotify_init1,?inotify_init,close",
    "bpf-map": "bpf,close",
}


def descriptor_accounts(recording: Recording) -> list[Account]:
    """Files on tmpfs and memfds by their bytes, and all descriptors by their number."""
    st_blocks = "st_blocks of its descriptors"
    return [
        Account(
            (Pattern.TMPFS,),
            Basis.SWAP_BACKED,
            PAGE_BYTES,
            recording.collect("tmpfs", _open_on_tmpfs, source="fd/, stat st_blocks"),
            "tmpfs files it holds open",
            st_blocks,
        ),
        Account(
            (Pattern.MEMFD,),
            Basis.SWAP_BACKED,
            PAGE_BYTES,
            recording.collect("memfd held", _Unmapped(recording), source="fd/, stat st_blocks"),
            "memfds held by descriptors only",
            st_blocks,
        ),
        Account(
            (Pattern.FD,),
            Basis.COUNT,
            PAIR,
            recording.collect("fd", opened, unit="count", source="fd/"),
            "open descriptors",
            "fd/",
            unit="descriptors",
        ),
    ]


def opened(sample: Sample) -> float | None:
    """How many descriptors are open."""
    return None if sample.fd_count is None else float(sample.fd_count)


def _open_on_tmpfs(sample: Sample) -> float | None:
    """Bytes allocated to tmpfs files that the process holds open, each file once."""
    files = tmpfs_files(sample)
    return None if files is None else float(sum(files.values()))


def tmpfs_files(sample: Sample) -> dict[str, int] | None:
    """The open files on tmpfs and their allocated bytes; None where nothing was looked up."""
    if sample.fds is None or sample.mounts is None:
        return None
    devices = {mount.device for mount in sample.tmpfs_mounts}
    return {
        entry.target: entry.stat.allocated_bytes
        for entry in sample.fds
        if entry.stat is not None and entry.stat.device in devices
    }


class _Unmapped:
    """Bytes allocated to memfds that are open and not mapped, each once: a series' getter.

    What is mapped counts as resident memory already. Descriptors and mappings are read at different
    times, so each instant is held to the look that follows it: by then what is to stay mapped is.
    """

    def __init__(self, recording: Recording) -> None:
        looked = [sample for sample in recording if sample.regions is not None]
        self._times = [sample.monotonic for sample in looked]
        self._mapped = [_mapped_memfds(sample) for sample in looked]

    def __call__(self, sample: Sample) -> float | None:
        if sample.fds is None:
            return None
        following = bisect_left(self._times, sample.monotonic)
        mapped = self._mapped[min(following, len(self._mapped) - 1)] if self._mapped else set()
        held = {
            (entry.stat.device, entry.stat.inode): entry.stat.allocated_bytes
            for entry in sample.fds
            if entry.kind == "memfd" and entry.stat is not None and entry.stat.inode not in mapped
        }
        return float(sum(held.values()))


def _mapped_memfds(sample: Sample) -> set[int]:
    regions = sample.regions
    assert regions is not None
    return {int(inode) for inode in regions.smaps.inode[regions.of(RegionKind.MEMFD)]}


def kinds_gained(recording: Recording) -> Counter[str]:
    """How many descriptors more of each kind, by the first and the last look; an anonymous inode by its name."""
    looked = [sample.fds for sample in recording if sample.fds is not None]
    if len(looked) < 2:
        return Counter()
    before, after = (Counter(map(_word, fds)) for fds in (looked[0], looked[-1]))
    return Counter({word: after[word] - before[word] for word in after | before})


def _word(entry: Fd) -> str:
    if entry.kind != "anon_inode":
        return entry.kind
    return entry.target.partition(":")[2].strip("[]") or entry.kind


def gained_in_memory(recording: Recording) -> int:
    """How many descriptors more lead to memory: memfds, and files on tmpfs."""
    return _gained(recording, _in_memory)


def gained_at(recording: Recording, files: Collection[str]) -> int:
    """How many descriptors more lead to one of these files."""
    return _gained(recording, lambda sample: sum(fd.target in files for fd in sample.fds or ()))


def gained_mapped(recording: Recording) -> int:
    """By how many bytes those open files on tmpfs grew that are mapped as POSIX shared memory in the end."""
    looked = [files for sample in recording if (files := tmpfs_files(sample)) is not None]
    seen = [sample.regions for sample in recording if sample.regions is not None]
    if len(looked) < 2 or not seen:
        return 0
    rows = seen[-1].of(RegionKind.POSIX_SHM).nonzero()[0]
    mapped = {seen[-1].smaps.names[int(row)] for row in rows}
    return sum(size - looked[0].get(name, 0) for name, size in looked[-1].items() if name in mapped)


def _gained(recording: Recording, count: Callable[[Sample], int]) -> int:
    looked = [sample for sample in recording if sample.fds is not None]
    return count(looked[-1]) - count(looked[0]) if len(looked) > 1 else 0


def _in_memory(sample: Sample) -> int:
    devices = {mount.device for mount in sample.tmpfs_mounts}
    return sum(
        entry.kind == "memfd" or (entry.stat is not None and entry.stat.device in devices)
        for entry in sample.fds or ()
    )


def descriptors_where(recording: Recording, account: Account) -> str:
    """What most of the new ones are."""
    kinds = [word for word, count in kinds_gained(recording).most_common(1) if count > 0]
    return f"{account.where} ({kinds[0]})" if kinds else account.where


def descriptors_next(recording: Recording) -> str:
    """Where they lead, and who opens them; {pid} is left to be filled in."""
    kinds = kinds_gained(recording).most_common(1)
    calls = _CALLS.get(kinds[0][0], "%desc") if kinds else "%desc"
    return "ls -l /proc/{pid}/fd; " + trace(calls)


def descriptor_evidence(recording: Recording) -> Iterator[str]:
    """What they are, and where most of them lead."""
    moved = [(word, count) for word, count in kinds_gained(recording).most_common() if count]
    if moved:
        yield "by kind: " + ", ".join(f"{word} {count:+d}" for word, count in moved)
    looked = [sample for sample in recording if sample.fds is not None]
    if len(looked) < 2:
        yield _not_followed(recording)
        return
    first, followed = looked[0].fds or (), looked[-1].fds or ()
    targets = Counter(entry.target for entry in followed if entry.target.startswith("/"))
    targets.subtract(entry.target for entry in first)
    for target, count in targets.most_common(1):
        if count > PAIR:
            yield f"{count} of the new ones lead to {target}"
    there = looked[-1].fd_count or 0
    if there > len(followed):
        yield f"{len(followed)} of {there} were followed: what the others are was not looked up"


def _not_followed(recording: Recording) -> str:
    """Why it is known how many they are, and not what."""
    folder = f"/proc/{recording.header.pid}/fd"
    if any(folder in path for sample in recording for path in sample.denied):
        return "they were counted only: what they are may just their owner and root look up"
    return "they were counted only: to look up what they are would have cost more than was allowed (--budget)"


def memory_evidence(recording: Recording, pattern: Pattern | None) -> Iterator[str]:
    """The machine has it, the process has it not; and how many memfds there are."""
    if pattern is Pattern.MEMFD:
        looked = [sample.fds for sample in recording if sample.fds is not None]
        before, after = (
            sum(entry.kind == "memfd" for entry in fds) for fds in (looked[0], looked[-1])
        )
        yield f"memfds open: {before} to {after}"
    machine = recording.series("meminfo.shmem")
    if len(machine) > 1:
        yield f"the machine's Shmem {format_change(machine.growth)} in the same time"
    resident = recording.series("statm.resident")
    pages = "tmpfs pages" if pattern is Pattern.TMPFS else "pages of a memfd"
    yield (
        f"the process's own RSS {format_change(resident.growth)}: "
        f"{pages} that are written, not mapped, belong to no process"
    )
