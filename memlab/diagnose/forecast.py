"""Which limit is met first, should the growth go on as it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from memlab.diagnose.account import Account
from memlab.diagnose.given import assumed_rooms
from memlab.diagnose.mapped_files import copied
from memlab.diagnose.trend import Trend
from memlab.model.diagnosis import Forecast
from memlab.model.memory import Basis, Pattern
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.units import format_amount, format_seconds

T = TypeVar("T")

# x86-64 and arm64 with 48-bit addresses leave user space the lower 47 bits (mm.rst)
USER_ADDRESS_SPACE = 1 << 47
# what ends a growth in numbers, and its name among the limits of a recording's header; the last
# two count the processes and threads of all, so that it may be sooner
_COUNTED: dict[Pattern | None, tuple[tuple[str, str], ...]] = {
    Pattern.FD: (("its RLIMIT_NOFILE", "open_files"),),
    Pattern.PROCESS: (
        ("RLIMIT_NPROC of its user", "processes"),
        ("kernel.threads-max", "threads_max"),
    ),
}
# one or two more may come of anything: a thread, a library
FEWEST_MAPPINGS = 3


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
    return Forecast(
        limit,
        int(room),
        round(seconds, 1),
        f"at this rate {limit} is used up in {format_seconds(seconds)}"
        f" ({format_amount(room, account.unit)} left)",
    )


def _rooms(recording: Recording, account: Account, found: Trend) -> Iterator[tuple[str, float]]:
    limits = recording.header.host.get("limits", {})
    if account.basis is Basis.COUNT:
        for name, limit in _COUNTED[account.pattern]:
            if limits.get(limit) is not None:
                yield name, limits[limit] - account.series.values[-1]
        return
    mapped = account.series if account.basis is Basis.VIRTUAL else account.mapped
    if mapped is not None:
        yield from _mapped_rooms(recording, account, found, mapped.growth, limits)
    if _takes_memory(recording, account):
        yield from _memory_rooms(recording, account, found, limits)


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
    if account.pattern is Pattern.TMPFS:
        for sample in reversed(recording.samples):
            if sample.tmpfs_mounts:
                yield from _tmpfs_rooms(sample)
                break


def _tmpfs_rooms(sample: Sample) -> Iterator[tuple[str, float]]:
    used = {entry.stat.device for entry in sample.fds or () if entry.stat is not None}
    for mount in sample.tmpfs_mounts:
        space = sample.space(mount)
        if mount.device in used and space is not None:
            yield f"the tmpfs on {mount.mount_point}", space.free_blocks * space.block_bytes


def _mapped_rooms(
    recording: Recording, account: Account, found: Trend, mapped: float, limits: dict[str, Any]
) -> Iterator[tuple[str, float]]:
    """In bytes of the account, of which so many came with what was `mapped`."""
    share = found.growth / mapped if mapped > 0 else 1.0
    last = _last(recording, lambda s: s.statm)
    size = last.size if last is not None else 0
    yield "the address space of the processor", share * (USER_ADDRESS_SPACE - size)
    address_space = limits.get("address_space")
    if address_space is not None:
        yield "its RLIMIT_AS", share * (address_space - size)
    yield from assumed_rooms(recording, account, found.step.bytes if found.step else 0)
    looked = [sample.regions for sample in recording if sample.regions is not None]
    most = limits.get("max_map_count")
    if len(looked) < 2 or most is None:
        return
    there = len(looked[-1].smaps)
    gained = there - len(looked[0].smaps)
    if gained >= FEWEST_MAPPINGS:  # those that merge with their neighbours cost none
        yield "vm.max_map_count", (most - there) * found.growth / gained


def _last(recording: Recording, get: Callable[[Sample], T | None]) -> T | None:
    for sample in reversed(recording.samples):
        value = get(sample)
        if value is not None:
            return value
    return None
