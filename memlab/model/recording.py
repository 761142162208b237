"""The one type to the right of which everything works: live, from a file, or pasted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from memlab.errors import Unsupported
from memlab.model.memory import FOUR_TYPES, RegionKind
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.procfs.stat import Stat
from memlab.units import PAGE_BYTES

FORMAT = 1


@dataclass(frozen=True)
class Header:
    """What holds for a whole recording.

    `target` identifies the process (pid, comm, start_time_ticks, boot_id), `host` the machine
    (kernel, page size, ticks, libc, limits), `asked` what the observer was told to do.
    """

    target: dict[str, Any]
    host: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)
    memlab: str = ""
    format: int = FORMAT

    @property
    def pid(self) -> int:
        """The pid of the process that was watched."""
        return int(self.target["pid"])

    @property
    def page_bytes(self) -> int:
        """Of the machine that was watched; ours where it is not said."""
        return int(self.host.get("page_bytes") or PAGE_BYTES)


@dataclass(frozen=True)
class Recording:
    """Samples in order of time, and what is known about all of them.

    `losses` says in sentences what could not be opened or kept. `given` are the series that came
    without the kernel's text (a pidstat log, top, free), by the name of the field that they show;
    their times are on the clock of the samples, where there are samples. `sources` says in a
    sentence each what an input was taken for, `told` what the inputs say by themselves. `copies` are
    looks from before the last sample, in their order, of which nobody knows when they were taken.
    """

    header: Header
    samples: Sequence[Sample] = ()
    losses: tuple[str, ...] = ()
    given: Mapping[str, Series] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    copies: Sequence[Sample] = ()

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    @property
    def seconds(self) -> float:
        """From the first instant to the last, of samples and given series."""
        ends = [(s.times[0], s.times[-1]) for s in self.given.values() if len(s)]
        if self.samples:
            ends.append((self.samples[0].monotonic, self.samples[-1].monotonic))
        return float(max(end for _, end in ends) - min(start for start, _ in ends)) if ends else 0.0

    @property
    def instants(self) -> int:
        """How often something was read: samples, or the readings of the longest given series."""
        return max([len(self.samples), *(len(series) for series in self.given.values())])

    @property
    def is_timed(self) -> bool:
        """Whether its times are seconds; else its looks are counted, and nobody knows when they were."""
        return not self.header.asked.get("untimed", False)

    @property
    def ended(self) -> bool:
        """Whether the process had ended by the last instant."""
        return bool(self.samples) and self.samples[-1].gone

    def since_exec(self) -> Recording:
        """From the last execve on; another program is another matter, though the pid stays.

        A new program lies at other addresses: stat startcode, which is 1 where we may not know it.
        That alone is no execve: a process may forbid us to look while we watch. With a new name it
        is one, of a program with another user's rights.
        """
        stats = [sample.stat for sample in self if sample.stat]
        last = _last_exec(stats) if len(stats) == len(self) - self.ended else 0
        if not last:
            return self
        after = self.samples[last].monotonic - self.samples[0].monotonic
        loss = f"it became {stats[last].comm} after {after:.3g} s (execve): judged from there on"
        return replace(self, samples=self.samples[last:], losses=(*self.losses, loss))

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the leaker said, marks and notes. Never evidence: diagnose/ does not look."""
        return [event for sample in self.samples for event in sample.events]

    def series(self, name: str) -> Series:
        """One field over time; `file.field`, as `stat.vsize` or `kind.heap`.

        Sizes are bytes. Raises Unsupported on a name it does not know; a field that was
        never read gives an empty series. What was given stands in where no sample has the field.
        """
        getter, unit = _getter(name)
        read = self.collect(name, getter, unit)
        return read if len(read) or name not in self.given else self.given[name]

    def collect(
        self,
        name: str,
        getter: Callable[[Sample], float | None],
        unit: str = "bytes",
        source: str = "",
    ) -> Series:
        """The series of any function of a sample; samples where it gives None are gaps."""
        times, values = [], []
        for sample in self.samples:
            value = getter(sample)
            if value is not None:
                times.append(sample.monotonic)
                values.append(value)
        return Series(
            name,
            np.array(times, dtype=np.float64),
            np.array(values, dtype=np.float64),
            unit,
            source or name,
        )


def _last_exec(stats: Sequence[Stat]) -> int:
    """The first line of the last program; 0 where it was one from the start."""
    last, known = 0, None
    for n, (before, now) in enumerate(pairwise(stats), 1):
        known, code = _told(before) or known, _told(now)
        if code and known:
            new = code != known
        else:
            new = code != _told(before) and now.comm != before.comm
        if new:
            last, known = n, None
    return last


def _told(line: Stat) -> int | None:
    """startcode; fs/proc/array.c writes 1 for who may not trace the process, 0 where it has no memory."""
    return line.startcode if line.startcode > 1 else None


_COUNTS = {"num_threads", "threads", "minflt", "majflt", "cminflt", "cmajflt", "utime", "stime"}


def _getter(name: str) -> tuple[Callable[[Sample], float | None], str]:
    file, _, field_name = name.partition(".")
    if file in ("stat", "statm", "status", "meminfo"):
        return _record_field(file, field_name), "count" if field_name in _COUNTS else "bytes"
    if file == "vmstat":
        return _record_field(file, field_name), "count"
    if file == "smaps":
        return _smaps_total(field_name), "bytes"
    if file == "type":
        wanted_type = next((t for t in FOUR_TYPES if t.name.lower() == field_name), None)
        if wanted_type is not None:
            return (
                lambda sample: sample.regions.bytes_by_type[wanted_type] if sample.regions else None
            ), "bytes"
    if file in ("kind", "kind_virtual", "kind_count"):
        wanted_kind = next((k for k in RegionKind if k.name.lower() == field_name), None)
        if wanted_kind is not None:
            return _kind_field(file, wanted_kind), "count" if file == "kind_count" else "bytes"
    raise Unsupported(
        f"no series is called {name!r}", "try stat.vsize, type.private_anonymous or meminfo.shmem"
    )


def _record_field(file: str, field_name: str) -> Callable[[Sample], float | None]:
    def get(sample: Sample) -> float | None:
        record = getattr(sample, file)
        if record is None:
            return None
        if hasattr(record, field_name):
            value: float | None = getattr(record, field_name)
            return value
        fields = getattr(record, "fields", {})
        if field_name in fields:
            return float(fields[field_name])
        raise Unsupported(f"/proc's {file} has no field {field_name!r}")

    return get


def _smaps_total(field_name: str) -> Callable[[Sample], float | None]:
    return lambda sample: None if sample.smaps is None else sample.smaps.total(field_name)


def _kind_field(account: str, kind: RegionKind) -> Callable[[Sample], float | None]:
    attribute = {
        "kind": "footprint_by_kind",
        "kind_virtual": "virtual_by_kind",
        "kind_count": "count_by_kind",
    }[account]

    def get(sample: Sample) -> float | None:
        if sample.regions is None:
            return None
        return float(getattr(sample.regions, attribute)[kind])

    return get
