"""Which limit is met first, should the growth go on as it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from memlab.diagnose.accounts import Account
from memlab.diagnose.trend import Trend
from memlab.model.diagnosis import Forecast
from memlab.model.memory import Basis, Pattern
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.units import format_bytes, format_seconds

T = TypeVar("T")

# x86-64 and arm64 with 48-bit addresses leave user space the lower 47 bits (mm.rst)
USER_ADDRESS_SPACE = 1 << 47


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
        f"at this rate {limit} is used up in {format_seconds(seconds)} ({format_bytes(room)} left)",
    )


def _rooms(recording: Recording, account: Account, found: Trend) -> Iterator[tuple[str, float]]:
    limits = recording.header.host.get("limits", {})
    if account.basis is Basis.VIRTUAL:
        yield from _virtual_rooms(recording, account, found, limits)
        return
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


def _virtual_rooms(
    recording: Recording, account: Account, found: Trend, limits: dict[str, int | None]
) -> Iterator[tuple[str, float]]:
    last = _last(recording, lambda s: s.statm)
    size = last.size if last is not None else 0
    yield "the address space of the processor", USER_ADDRESS_SPACE - size
    address_space = limits.get("address_space")
    if address_space is not None:
        yield "its RLIMIT_AS", address_space - size
    regions = _last(recording, lambda s: s.regions)
    most = limits.get("max_map_count")
    if regions is not None and most is not None and found.step is not None:
        per_step = 2  # a stack and its guard are two mappings
        steps = (most - len(regions.smaps)) / per_step
        yield "vm.max_map_count", steps * found.step.bytes


def _last(recording: Recording, get: Callable[[Sample], T | None]) -> T | None:
    for sample in reversed(recording.samples):
        value = get(sample)
        if value is not None:
            return value
    return None
