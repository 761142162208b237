"""Reads one process: cheap files at every tick, dear ones when asked and within the budget."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from memlab import __version__
from memlab.errors import Denied, Gone, Unsupported
from memlab.model.recording import Header
from memlab.model.sample import MAX_PARENTS, Sample
from memlab.observe import occupancy
from memlab.observe.outside import Outside, same_namespace
from memlab.observe.pace import Pace
from memlab.procfs import cgroup, cpus, facts, fd, mountinfo, stat, task
from memlab.procfs.host import Call, Host, InstantTexts, Kept, Tee

DEFAULT_BUDGET = 0.01  # of one core
DEFAULT_STALL = 0.1  # seconds
# what the kernel takes for one, and how long the target's own mmap and munmap wait for it
# (benchmarks: 60,000 mappings took 0.25 s, and delayed the target as long)
_SMAPS_SECONDS = 4e-6
_SCAN_SECONDS = 1e-6
MAX_DESCRIPTORS = 512
MAX_CHILDREN = 64
_SPARE_DESCRIPTORS = 32  # our own, left free for whoever else is in this process


def _free_descriptors() -> int:
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most - len(os.listdir("/proc/self/fd"))


class Sampler:
    """Takes samples of one process.

    Raises Gone where no such process is, Unsupported for a kernel thread or a zombie, which
    have no memory of their own. Files that may not be read are left out of the samples and
    named in `Sample.denied`.

    `budget` is the share of a core that reading may take; `stall` the seconds for which one look may
    hold up the target's own mmap and munmap: where smaps would take longer the mappings are read from maps and
    PAGEMAP_SCAN, and where that is too long or cannot be done, not at all: `Sample.left_out`.
    """

    def __init__(
        self,
        pid: int,
        host: Host | None = None,
        budget: float = DEFAULT_BUDGET,
        stall: float = DEFAULT_STALL,
    ) -> None:
        self.pid = pid
        self._stall = stall
        self._kept: dict[str, Kept] = {}
        self._may_keep = _free_descriptors() >= _SPARE_DESCRIPTORS
        self._lists_children = True
        self._count = 0  # of mappings, when they were last read
        self._host = host or Host()
        self._index = 0
        self._mappings = Pace(budget, least_seconds=0.1)
        self._surroundings = Pace(budget, least_seconds=0.4)
        self._outside = Outside(pid, self._host)
        self.spend(budget)
        first = stat.read(self._host, pid)
        self.comm = first.comm
        self._start_time = first.starttime
        self._refuse_what_has_no_memory(first)

    def _refuse_what_has_no_memory(self, first: stat.Stat) -> None:
        if first.state in ("Z", "X"):
            raise Gone(
                f"process {self.pid} ({self.comm}) has ended and waits for its parent (zombie)"
            )
        if first.vsize == 0 and first.rss == 0:
            raise Unsupported(
                f"process {self.pid} ({self.comm}) is a kernel thread",
                "it has no memory of its own; for kernel memory look at /proc/meminfo",
            )

    def spend(self, budget: float) -> None:
        """Another share of a core from now on."""
        # the mappings are the dearest; descriptors, the machine and what no mapping shows share the rest
        self._mappings.share = budget * 0.4
        self._surroundings.share = budget * 0.2
        self._outside.spend(budget * 0.4)

    def header(self, asked: dict[str, Any] | None = None) -> Header:
        """The header of a recording made with this sampler."""
        host = facts.read(self._host, self.pid)
        target = {
            "pid": self.pid,
            "comm": self.comm,
            "start_time_ticks": self._start_time,
            "boot_id": host.get("boot_id"),
        }
        return Header(target=target, host=host, asked=asked or {}, memlab=__version__)

    def take(
        self, look: bool = True, must: bool = False, events: tuple[dict[str, Any], ...] = ()
    ) -> Sample:
        """Read one instant; `look` asks for the mappings, budget permitting, `must` for all.

        Raises Gone when the process has ended or its pid belongs to another one now.
        """
        tee = Tee(self._host)
        start, cpu = time.monotonic(), time.thread_time()
        self._read_cheap(tee, "stat")
        now_running = stat.parse(tee.texts.files[f"/proc/{self.pid}/stat"])
        if now_running.state in ("Z", "X"):
            raise Gone(f"process {self.pid} has ended")
        if now_running.starttime != self._start_time:
            raise Gone(f"process {self.pid} has ended; its pid belongs to another process now")
        self._allowed(lambda: self._read_cheap(tee, "statm"))
        self._allowed(lambda: self._read_cheap(tee, "status"))
        self._allowed(lambda: tee.stat(f"/proc/{self.pid}/fd"))  # its size is how many are open
        if now_running.num_threads == 1 and self._lists_children:  # of many at a look around
            self._count_children(tee)
        if must or (look and self._mappings.due(start)):
            self._look_at_mappings(tee)
        if must or self._surroundings.due(start):
            self._look_around(tee)
            self._outside.look(tee, must)
        elif self._outside.due(start):
            self._outside.look(tee)
        if must:
            self._look_for_second_opinions(tee)
        end = time.monotonic()
        sample = Sample(
            index=self._index,
            pid=self.pid,
            monotonic=(start + end) / 2,
            wall=time.time() - (end - start) / 2,
            read_seconds=end - start,
            cpu_seconds=time.thread_time() - cpu,
            texts=tee.texts,
            events=events,
        )
        self._index += 1
        return sample

    def farewell(self, gone: Gone, events: tuple[dict[str, Any], ...] = ()) -> Sample:
        """The instant in which the process was there no more."""
        call = Call("read", f"/proc/{self.pid}/stat", error="Gone", message=str(gone))
        index, self._index = self._index, self._index + 1
        now = time.monotonic()
        return Sample(index, self.pid, now, time.time(), 0.0, 0.0, InstantTexts({}, [call]), events)

    def _read_cheap(self, tee: Tee, name: str) -> None:
        """From a file that stays open, which saves half; opened anew where descriptors are scarce."""
        path = f"/proc/{self.pid}/{name}"
        if self._may_keep and name not in self._kept:
            with suppress(
                Denied, Unsupported
            ):  # the plain way says what is wrong, and the Tee keeps it
                self._kept[name] = self._host.keep(path, in_one_piece=True)
        if name not in self._kept:
            tee.read(path)
            return
        start = time.monotonic()
        tee.texts.files[path] = self._kept[name].read()
        tee.texts.spans[path] = (start, time.monotonic())

    def _look_at_mappings(self, tee: Tee) -> None:
        cpu = time.thread_time()
        if not self._count:
            self._allowed(self._count_mappings)
        if self._count * _SMAPS_SECONDS <= self._stall:
            self._allowed(lambda: tee.read(f"/proc/{self.pid}/smaps"))
            lines = tee.texts.files.get(f"/proc/{self.pid}/smaps", b"").count(b"\nRss:")
        else:
            self._allowed(lambda: self._look_at_pages(tee))
            lines = tee.texts.files.get(f"/proc/{self.pid}/maps", b"").count(b"\n")
        self._count = lines or self._count
        cost = time.thread_time() - cpu
        # who judges parses what was read, and for most processes that costs as much again
        self._mappings.done(time.monotonic(), 2 * cost)

    def _count_mappings(self) -> None:
        """maps is a tenth of smaps, and holds nobody up."""
        self._count = self._host.read(f"/proc/{self.pid}/maps").count(b"\n")

    def _look_at_pages(self, tee: Tee) -> None:
        """What smaps says of growth, the cheap way; see `model.occupancy`."""
        seen = Tee(self._host)
        try:
            trusted = self._count * _SCAN_SECONDS <= self._stall and not occupancy.scan(
                seen, self.pid
            )
        except Unsupported:
            trusted = False
        except Denied:
            tee.texts.calls.extend(seen.texts.calls)
            raise
        if trusted:
            tee.texts.files.update(seen.texts.files)
            tee.texts.calls.extend(seen.texts.calls)
            tee.texts.spans.update(seen.texts.spans)
        else:
            tee.texts.calls.append(self._refusal())

    def _refusal(self) -> Call:
        seconds = self._count * _SMAPS_SECONDS
        message = (
            f"its {self._count:,} mappings were not looked at: smaps would hold up its own memory"
            f" calls for about {seconds:.2g} s; allow that with --stall {2 * seconds:.2g}"
        )
        return Call("read", f"/proc/{self.pid}/smaps", error="Refused", message=message)

    def _look_for_second_opinions(self, tee: Tee) -> None:
        """Other accounts of the same memory: the kernel's own sums, the cgroup, what RSS may lag."""
        if f"/proc/{self.pid}/smaps" in tee.texts.files:
            self._allowed(lambda: tee.read(f"/proc/{self.pid}/smaps_rollup"))
        self._allowed(lambda: tee.read(cpus.ONLINE))
        self._allowed(lambda: tee.read("/proc/zoneinfo"))
        # usage of all levels, for the limits
        self._allowed(lambda: cgroup.read(tee, self.pid))

    def _look_around(self, tee: Tee) -> None:
        """Descriptors, children, tmpfs mounts, and the machine."""
        cpu = time.thread_time()
        self._allowed(lambda: tee.read("/proc/meminfo"))
        self._allowed(lambda: tee.read("/proc/vmstat"))
        self._allowed(lambda: tee.readlink(f"/proc/{self.pid}/exe"))
        self._allowed(lambda: fd.read(tee, self.pid, limit=MAX_DESCRIPTORS))
        self._allowed(lambda: self._look_at_children(tee))
        self._allowed(lambda: self._look_at_tmpfs(tee))
        self._surroundings.done(time.monotonic(), time.thread_time() - cpu)

    def _count_children(self, tee: Tee) -> None:
        try:
            tee.read(f"/proc/{self.pid}/task/{self.pid}/children")
        except (Denied, Unsupported):
            self._lists_children = False  # not asked again: this kernel was built without it

    def _look_at_children(self, tee: Tee) -> None:
        for child in task.children(tee, self.pid, MAX_PARENTS)[-MAX_CHILDREN:]:
            with suppress(Denied, Gone, Unsupported):  # somebody waited for it meanwhile
                stat.read(tee, child)

    def _look_at_tmpfs(self, tee: Tee) -> None:
        # a mount point of another mount namespace would be looked up in ours
        if not same_namespace(self.pid, "mnt"):
            return
        mounts = mountinfo.read(tee, self.pid)
        self._outside.places = sorted({m.mount_point for m in mounts if m.is_tmpfs})

    def _allowed(self, read: Callable[[], object]) -> None:
        """Read what may be read; a refusal is kept by the Tee and no reason to stop."""
        with suppress(Denied, Unsupported):
            read()
