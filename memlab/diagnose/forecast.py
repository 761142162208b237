"""Which limit is met first, should the growth go on as it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from memlab.diagnose.account import Account
from memlab.diagnose.given import assumed_rooms
from memlab.diagnose.mapped_files import copied
from memlab.diagnose.trend import Trend
from memlab.model.diagnosis import Forecast
from memlab.model.memory import Basis, Pattern, RegionKind
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.units import YEAR, format_amount, format_seconds

T = TypeVar("T")

# x86-64 and arm64 with 48-bit addresses leave user space the lower 47 bits (mm.rst)
USER_ADDRESS_SPACE = 1 << 47
# what ends a growth in numbers, and its name among the limits of a recording's header; those of
# the user and of the machine count the threads of all, so that it may be sooner
_TASKS = (
    ("RLIMIT_NPROC of its user", "processes"),
    ("kernel.threads-max", "threads_max"),
    ("kernel.pid_max", "pid_max"),
)
# one or two more may come of anything: a thread, a library
FEWEST_MAPPINGS = 3
# a rate that was seen for minutes or days says nothing of years: a program is started anew before,
# be it for an update of the kernel
HORIZON = YEAR


def forecast(recording: Recording, account: Account, found: Trend) -> Forecast | None:
    """The nearest limit in the way of this account, or None where none is known.

    Room is what was left at the last instant that says so.
    """
    if found.rate <= 0:
        return None
    rooms = list(_rooms(recording, account, found))
    if not rooms:
        return None
    limit, room = min(rooms, key=lambda pair: pair[1])
    seconds = max(0.0, room) / found.rate
    left = format_amount(room, account.unit)
    said = f"at this rate {limit} is used up in {format_seconds(seconds)} ({left} left)"
    if seconds > HORIZON:
        said = f"at this rate no limit that memlab knows of is reached within a year (first would be {limit})"
        if _last(recording, lambda s: s.meminfo) is None:
            lacking = (
                "what memory the machine has left is not known (hand in free, or /proc/meminfo)"
            )
            said = f"{lacking}; {said}"
    return Forecast(limit, int(room), round(seconds, 1), said)


def _rooms(recording: Recording, account: Account, found: Trend) -> Iterator[tuple[str, float]]:
    limits = recording.header.host.get("limits", {})
    if account.pattern is Pattern.FD and limits.get("open_files") is not None:
        yield "its RLIMIT_NOFILE", limits["open_files"] - account.series.values[-1]
    if account.pattern is Pattern.PROCESS:
        yield from _task_rooms(limits, int(account.series.values[-1]), found.growth)
    if account.basis is Basis.COUNT:
        return
    yield from _mapped_rooms(recording, account, found, limits)
    yield from assumed_rooms(recording, account, found.step.bytes if found.step else 0)
    if account.pattern is Pattern.THREAD_STACK:
        yield from _thread_rooms(recording, found, limits)
    if account.pattern is Pattern.MAIN_STACK and limits.get("stack_size") is not None:
        # mm/mmap.c, acct_stack_growth: what is mapped of it counts
        mapped = recording.series("kind_virtual.main_stack")
        yield "its RLIMIT_STACK", limits["stack_size"] - mapped.values[-1]
    if _takes_memory(recording, account):
        yield from _memory_rooms(recording, account, found, limits)


def _task_rooms(limits: dict[str, Any], there: int, gained: float) -> Iterator[tuple[str, float]]:
    """In processes or threads, of which the target has or holds so many; RLIMIT_NPROC counts both."""
    for name, limit in _TASKS:
        if limits.get(limit) is not None:
            yield name, limits[limit] - there
    if limits.get("cgroup_tasks_limit") is not None:
        room = limits["cgroup_tasks_limit"] - limits["cgroup_tasks"] - gained
        yield "pids.max of its cgroup", room


def _thread_rooms(
    recording: Recording, found: Trend, limits: dict[str, Any]
) -> Iterator[tuple[str, float]]:
    """Threads that run are counted; those that have ended leave a stack and are not."""
    threads = recording.series("stat.num_threads")
    if threads.growth < FEWEST_MAPPINGS:
        return
    for name, room in _task_rooms(limits, int(threads.values[-1]), threads.growth):
        yield name, room * found.growth / threads.growth


def _takes_memory(recording: Recording, account: Account) -> bool:
    """Whether the machine has less for it: address space is nothing yet, and pages of a file can go."""
    if account.pattern is Pattern.PRIVATE_FILE:
        return copied(recording, account.pattern) > account.series.growth / 2
    return account.basis is not Basis.VIRTUAL and account.pattern is not Pattern.SHARED_FILE


def _memory_rooms(
    recording: Recording, account: Account, found: Trend, limits: dict[str, Any]
) -> Iterator[tuple[str, float]]:
    machine = _last(recording, lambda s: s.meminfo)
    if machine is not None and machine.mem_available is not None:
        yield "the machine's available memory", machine.mem_available + (machine.swap_free or 0)
    if limits.get("cgroup_limit") is not None and limits.get("cgroup_usage") is not None:
        yield (
            "the memory limit of its cgroup",
            limits["cgroup_limit"] - limits["cgroup_usage"] - found.growth,
        )
    if account.pattern in (Pattern.TMPFS, Pattern.SHM):
        for sample in reversed(recording.samples):
            if sample.tmpfs_mounts:
                yield from _tmpfs_rooms(sample, _devices(recording, account.pattern))
                break


def _devices(recording: Recording, pattern: Pattern) -> set[str]:
    """The file systems of the files that it holds open, or has mapped as shared memory; major:minor."""
    if pattern is Pattern.TMPFS:
        opened = _last(recording, lambda s: s.fds) or ()
        return {entry.stat.device for entry in opened if entry.stat is not None}
    regions = _last(recording, lambda s: s.regions)
    if regions is None:
        return set()
    rows = regions.of(RegionKind.POSIX_SHM).nonzero()[0]
    return {regions.smaps.device[int(row)] for row in rows}


def _tmpfs_rooms(sample: Sample, used: set[str]) -> Iterator[tuple[str, float]]:
    for mount in sample.tmpfs_mounts:
        space = sample.space(mount)
        if mount.device in used and space is not None:
            yield f"the tmpfs on {mount.mount_point}", space.free_blocks * space.block_bytes


def _mapped_rooms(
    recording: Recording, account: Account, found: Trend, limits: dict[str, Any]
) -> Iterator[tuple[str, float]]:
    """Address space, what may be written of it, and mappings: in bytes of the account that came with them."""
    size, written = recording.series("statm.size"), recording.series("status.vm_data")
    if len(size) < 2:  # a log of pidstat or top
        size = recording.series("stat.vsize")
    if account.mapped is not None and not _came_with(account.mapped.growth, found):
        return
    grown, there = size.growth, size.values[-1] if len(size) else 0.0
    if account.basis is Basis.VIRTUAL:
        grown = max(grown, found.growth)
    if _came_with(grown, found):
        share = found.growth / grown
        yield "the address space of the processor", share * (USER_ADDRESS_SPACE - there)
        if limits.get("address_space") is not None:
            yield "its RLIMIT_AS", share * (limits["address_space"] - there)
        yield from assumed_rooms(recording, account, found.step.bytes if found.step else 0)
    if _came_with(written.growth, found):
        yield from _data_rooms(recording, found.growth / written.growth, written, limits)
    looked = [sample.regions for sample in recording if sample.regions is not None]
    most = limits.get("max_map_count")
    if len(looked) < 2 or most is None:
        return
    mappings = len(looked[-1].smaps)
    gained = mappings - len(looked[0].smaps)
    if gained >= FEWEST_MAPPINGS:  # those that merge with their neighbours cost none
        yield "vm.max_map_count", (most - mappings) * found.growth / gained


def _came_with(mapped: float, found: Trend) -> bool:
    """Whether what grew was mapped while it grew, and does not fill what was there."""
    return 2 * mapped >= found.growth > 0


def _data_rooms(
    recording: Recording, share: float, written: Series, limits: dict[str, Any]
) -> Iterator[tuple[str, float]]:
    """Private writable mappings: counted for RLIMIT_DATA since Linux 4.7 (mm/mmap.c, is_data_mapping)."""
    if limits.get("data_size") is not None:
        yield "its RLIMIT_DATA", share * (limits["data_size"] - written.values[-1])
    machine = _last(recording, lambda s: s.meminfo)
    if limits.get("overcommit_memory") != 2 or machine is None:
        return
    if machine.commit_limit is not None and machine.committed_as is not None:
        room = machine.commit_limit - machine.committed_as
        yield "the machine's CommitLimit (vm.overcommit_memory is 2)", share * room


def _last(recording: Recording, get: Callable[[Sample], T | None]) -> T | None:
    for sample in reversed(recording.samples):
        value = get(sample)
        if value is not None:
            return value
    return None
