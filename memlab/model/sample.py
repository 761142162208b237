"""One instant: the kernel's text as it was read, parsed when somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from memlab.errors import Denied, Gone, Unsupported
from memlab.model.classify import Regions, classify
from memlab.model.machine import MachineLedger, machine_ledger
from memlab.model.occupancy import as_smaps, from_pages, spans
from memlab.procfs import (
    fd,
    maps_table,
    meminfo,
    mountinfo,
    page_scan,
    smaps,
    smaps_rollup,
    stat,
    statm,
    status,
    task,
    vmstat,
    zoneinfo,
)
from memlab.procfs.host import Host, InstantTexts, Statvfs
from memlab.procfs.smaps import Smaps

T = TypeVar("T")

MAX_PARENTS = 64  # threads that are asked for children, a file each


@dataclass(frozen=True, eq=False)
class Sample:
    """The state of one process and its machine at one instant.

    `monotonic` and `wall` are seconds (CLOCK_MONOTONIC and the epoch) in the middle of the
    reading; `read_seconds` and `cpu_seconds` are what the reading cost. A property is None
    where its file was not read in this instant, was denied, or the process was gone.
    """

    index: int
    pid: int
    monotonic: float
    wall: float
    read_seconds: float
    cpu_seconds: float
    texts: InstantTexts
    events: tuple[dict[str, Any], ...] = field(default=())

    @cached_property
    def host(self) -> Host:
        """A host that answers as the machine did."""
        return Host(self.texts)

    @property
    def started(self) -> float:
        """CLOCK_MONOTONIC when the reading of this instant began."""
        return self.monotonic - self.read_seconds / 2

    @property
    def ended(self) -> float:
        """CLOCK_MONOTONIC when it ended."""
        return self.monotonic + self.read_seconds / 2

    def reading(self, name: str) -> tuple[float, float] | None:
        """When /proc/PID/`name` was read: start and end, in CLOCK_MONOTONIC seconds; None where it was not."""
        return self.texts.spans.get(f"/proc/{self.pid}/{name}")

    def _of(self, read: Callable[[Host, int], T]) -> T | None:
        try:
            return read(self.host, self.pid)
        except (Denied, Gone, Unsupported):
            return None

    def _of_machine(self, read: Callable[[Host], T]) -> T | None:
        return self._of(lambda host, _pid: read(host))

    @cached_property
    def stat(self) -> stat.Stat | None:
        """/proc/PID/stat."""
        return self._of(stat.read)

    @cached_property
    def statm(self) -> statm.Statm | None:
        """/proc/PID/statm."""
        return self._of(statm.read)

    @cached_property
    def status(self) -> status.Status | None:
        """/proc/PID/status."""
        return self._of(status.read)

    @cached_property
    def smaps(self) -> smaps.Smaps | None:
        """/proc/PID/smaps."""
        return self._of(smaps.read)

    @cached_property
    def mappings(self) -> Smaps | None:
        """smaps; where it was not read, what maps and PAGEMAP_SCAN say: size, rss, swap, anonymous."""
        if self.smaps is not None:
            return self.smaps
        return self._of(_from_pages)

    @cached_property
    def rollup(self) -> smaps_rollup.Rollup | None:
        """/proc/PID/smaps_rollup."""
        return self._of(smaps_rollup.read)

    @cached_property
    def fds(self) -> tuple[fd.Fd, ...] | None:
        """The open descriptors, with what they point at."""
        found = self._of(fd.read)
        return None if found is None else tuple(found)

    @cached_property
    def fd_count(self) -> int | None:
        """How many descriptors are open, also those that `fds` does not follow."""
        listed = self._of(fd.numbers)
        return self._of(fd.count) if listed is None else len(listed)

    @cached_property
    def children(self) -> tuple[int, ...] | None:
        """The processes that it started and that are there, zombies too."""
        found = self._of(lambda host, pid: task.children(host, pid, MAX_PARENTS))
        if found is None and self.stat is not None and self.stat.num_threads == 1:
            return self._of(lambda host, pid: task.children_of(host, pid, pid))
        return found

    @cached_property
    def child_states(self) -> tuple[str, ...]:
        """The states of those children that were looked at, as in stat: Z has ended and waits for its wait(2)."""
        states = []
        for child in self.children or ():
            path = f"/proc/{child}/stat"
            if path in self.texts.files:
                states.append(stat.parse(self.texts.files[path], path).state)
        return tuple(states)

    @cached_property
    def meminfo(self) -> meminfo.Meminfo | None:
        """/proc/meminfo."""
        return self._of_machine(meminfo.read)

    @cached_property
    def vmstat(self) -> vmstat.Vmstat | None:
        """/proc/vmstat."""
        return self._of_machine(vmstat.read)

    @cached_property
    def ledger(self) -> MachineLedger | None:
        """The machine's memory in lines that add up to MemTotal; None where meminfo was not read."""
        if self.meminfo is None:
            return None
        zones = self._of_machine(zoneinfo.read)
        return machine_ledger(self.meminfo, self.vmstat, zoneinfo=zones)

    @cached_property
    def mounts(self) -> tuple[mountinfo.Mount, ...] | None:
        """/proc/PID/mountinfo."""
        found = self._of(mountinfo.read)
        return None if found is None else tuple(found)

    @cached_property
    def tmpfs_mounts(self) -> tuple[mountinfo.Mount, ...]:
        """The tmpfs file systems the process can see."""
        return tuple(mount for mount in self.mounts or () if mount.is_tmpfs)

    def space(self, mount: mountinfo.Mount) -> Statvfs | None:
        """The fill level of a mount, where it was asked for."""
        return self._of_machine(lambda host: host.statvfs(mount.mount_point))

    @cached_property
    def regions(self) -> Regions | None:
        """The mappings with their types and kinds."""
        if self.mappings is None:
            return None
        return classify(self.mappings, {mount.device for mount in self.tmpfs_mounts})

    @property
    def has_mappings(self) -> bool:
        """Whether the mappings were read in this instant; nothing is parsed to say so."""
        return any(f"/proc/{self.pid}/{name}" in self.texts.files for name in ("smaps", "maps"))

    @property
    def gone(self) -> bool:
        """Whether the process had ended by this instant."""
        stat_path = f"/proc/{self.pid}/stat"
        return any(call.error == "Gone" and call.path == stat_path for call in self.texts.calls)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What the observer might have read, and did not so as to spare the process; sentences."""
        return tuple(call.message for call in self.texts.calls if call.error == "Refused")

    @property
    def denied(self) -> tuple[str, ...]:
        """The files that this observer was not allowed to read."""
        return tuple(call.path for call in self.texts.calls if call.error == "Denied")


def _from_pages(host: Host, pid: int) -> Smaps:
    table = maps_table.read(host, pid)
    return as_smaps(from_pages(table, page_scan.read(host, pid, spans(table))))
