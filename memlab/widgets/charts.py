"""The charts over a recorder or a recording: each shows what samples say, and computes nothing."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from itertools import cycle
from typing import Any

from memlab.model.growth import (
    Group,
    changes,
    faults_per_second,
    groups,
    growth,
    leading,
    meminfo_lines,
)
from memlab.model.memory import FOUR_TYPES, MemoryType
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.observe.live import LiveRecorder
from memlab.present.colours import DASHES, FAULTS, LINE_COLOURS, RSS, TYPE_COLOURS, VSZ
from memlab.units import KIB
from memlab.widgets.follow import Follower, follow
from memlab.widgets.live_chart import LiveChart
from memlab.widgets.traces import TraceSpec

Source = LiveRecorder | Recording | None

# meminfo moves by itself; below this it is no line worth showing
LEAST_MACHINE_BYTES = 256 * KIB
LEAST_MAPPING_BYTES = 4 * KIB
MOST_GROUPS = 64


class SampleChart(LiveChart):
    """A live chart that is fed with samples.

    Over a `LiveRecorder` it moves until the recorder stops, over a `Recording` it stands
    still; without a source `show` feeds it.
    """

    def __init__(
        self, source: Source, traces: Sequence[TraceSpec], title: str, **options: Any
    ) -> None:
        super().__init__(traces, title, **options)
        self._follower: Follower | None = follow(source, self.show)

    def show(self, sample: Sample) -> None:
        """Add what this sample says."""
        raise NotImplementedError

    def clear(self, origin: float | None = None) -> None:
        """Forget all samples; times count from `origin` (monotonic seconds) or the next one."""
        super().clear(origin)

    def close(self) -> None:
        """Take the chart off the page and stop following."""
        if self._follower is not None:
            self._follower.stop()
        super().close()


class PidstatChart(SampleChart):
    """The columns of `pidstat -r`: VSZ, RSS (bytes, left) and minor faults a second (right)."""

    def __init__(self, source: Source = None, **options: Any) -> None:
        self._before: Sample | None = None
        traces = [
            TraceSpec("VSZ", VSZ, hint="address space: /proc/PID/stat, vsize"),
            TraceSpec("RSS", RSS, hint="resident memory: /proc/PID/stat, rss"),
            TraceSpec(
                "minor faults",
                FAULTS,
                unit="/s",
                axis=2,
                dash="dot",
                hint="first touches of a page: /proc/PID/stat, minflt",
            ),
        ]
        title = "What pidstat shows: VSZ, RSS, minor faults"
        options = {"y_title": "memory", "y2_title": "minor faults per second"} | options
        super().__init__(source, traces, title, **options)

    def show(self, sample: Sample) -> None:
        """Add what this sample says."""
        if sample.stat is None:
            return
        values: dict[str, float] = {"VSZ": sample.stat.vsize, "RSS": sample.stat.rss}
        faults = faults_per_second(self._before, sample) if self._before else None
        if faults is not None:
            values["minor faults"] = faults
        self._before = sample
        self.append(sample.monotonic, values)

    def clear(self, origin: float | None = None) -> None:
        """Forget all samples."""
        self._before = None
        super().clear(origin)


class TypesChart(SampleChart):
    """The four memory types, stacked: together they are what the process occupies."""

    def __init__(self, source: Source = None, **options: Any) -> None:
        traces = [
            TraceSpec(kind.label, TYPE_COLOURS[kind], stack=True, hint=f"{kind.label} (smaps)")
            for kind in FOUR_TYPES
        ]
        options = {"y_title": "resident and swapped"} | options
        super().__init__(source, traces, "The four memory types", **options)

    def show(self, sample: Sample) -> None:
        """Add what this sample says."""
        if sample.regions is not None:
            by_type = sample.regions.bytes_by_type
            self.append(sample.monotonic, {kind.label: by_type[kind] for kind in FOUR_TYPES})


class MappingsChart(SampleChart):
    """The mappings that grew most since the first sample, by kind or file.

    The thick line is what is resident or swapped; where much more address space than memory
    was taken, a second line ("size") shows that. The colour is the memory type.
    """

    def __init__(self, source: Source = None, *, most: int = 6, **options: Any) -> None:
        self._most = most
        self._first: dict[str, Group] | None = None
        self._known: dict[str, TraceSpec] = {}
        options = {"y_title": "growth since start"} | options
        super().__init__(source, [], "The mappings that grew", **options)

    def show(self, sample: Sample) -> None:
        """Add what this sample says."""
        if sample.regions is None or not len(sample.regions.smaps):
            return
        now = groups(sample.regions)
        if self._first is None:
            self._first = now
        lines = self._lines(growth(self._first, now))
        self.append(sample.monotonic, lines)
        names = leading(lines, self._shown, most=self._most, least=LEAST_MAPPING_BYTES)
        if names != self._shown:
            self.set_traces([self._known[name] for name in names])

    @property
    def _shown(self) -> list[str]:
        return [spec.name for spec in self.traces]

    def _lines(self, grown: dict[str, Group]) -> dict[str, float]:
        lines: dict[str, float] = {}
        for label, group in grown.items():
            values = {label: group.footprint_bytes}
            if group.size_bytes > 2 * max(group.footprint_bytes, LEAST_MAPPING_BYTES):
                values[f"{label} (size)"] = group.size_bytes
            for name, value in values.items():
                if name in self._known or (value > 0 and len(self._known) < MOST_GROUPS):
                    self._known.setdefault(name, self._spec(name, label, group.type))
                    lines[name] = value
        return lines

    def _spec(self, name: str, label: str, memory_type: MemoryType) -> TraceSpec:
        colour = TYPE_COLOURS[memory_type]
        same = sum(spec.colour == colour for spec in self._known.values())
        shown = name.replace(label, short(label))
        return TraceSpec(
            name,
            colour,
            dash=DASHES[same % len(DASHES)],
            label=shown,
            hint=f"{name}: {memory_type.label}",
        )

    def clear(self, origin: float | None = None) -> None:
        """Forget all samples; the next one is the new start."""
        self._first = None
        self._known.clear()
        self.set_traces([])
        super().clear(origin)


class MeminfoChart(SampleChart):
    """The lines of /proc/meminfo that moved most since the first sample: the whole machine."""

    def __init__(self, source: Source = None, *, most: int = 6, **options: Any) -> None:
        self._most = most
        self._first: dict[str, int] | None = None
        options = {"y_title": "change since start"} | options
        super().__init__(source, [], "The machine: what moved in /proc/meminfo", **options)

    def show(self, sample: Sample) -> None:
        """Add what this sample says."""
        if sample.meminfo is None:
            return
        now = meminfo_lines(sample.meminfo)
        if self._first is None:
            self._first = now
        moved = changes(self._first, now)
        self.append(sample.monotonic, moved)
        shown = [spec.name for spec in self.traces]
        names = leading(moved, shown, most=self._most, least=LEAST_MACHINE_BYTES)
        if names != shown:
            self.set_traces(self._line_specs(names))

    def _line_specs(self, names: Sequence[str]) -> list[TraceSpec]:
        """Those that stay keep their colour; new ones get one that is free."""
        kept = {spec.name: spec for spec in self.traces if spec.name in names}
        taken = {spec.colour for spec in kept.values()}
        free = cycle([c for c in LINE_COLOURS if c not in taken] or LINE_COLOURS)
        specs = []
        for name in names:
            if name not in kept:
                kept[name] = TraceSpec(name, next(free), hint=f"/proc/meminfo, {name}")
            specs.append(kept[name])
        return specs

    def clear(self, origin: float | None = None) -> None:
        """Forget all samples; the next one is the new start."""
        self._first = None
        self.set_traces([])
        super().clear(origin)


def short(label: str, most: int = 28) -> str:
    """A path's last part, and no more than `most` characters of it."""
    name = os.path.basename(label) if label.startswith("/") else label
    return name if len(name) <= most else name[: most // 2 - 1] + "…" + name[-most // 2 :]
