"""Who asked vmalloc for memory, over time (root only): functions of the kernel, by /proc/vmallocinfo."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from memlab.diagnose.machine.kernel_part import kernel_part
from memlab.diagnose.sums import Part
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.procfs import vmallocinfo
from memlab.units import counted, format_bytes

AREAS = "vmallocinfo"
# kernel stacks (kernel/fork.c, alloc_thread_stack_node, inlined into one of its callers): they have a line of their own
_STACKS = {
    "alloc_thread_stack_node",
    "dup_task_struct",
    "copy_process",
    "kernel_clone",
    "fork_idle",
}


class _Sum(NamedTuple):
    """Of one function: bytes, areas, bytes of the largest area."""

    bytes: int
    areas: int
    largest: int

    def plus(self, size: int) -> _Sum:
        """With one area more."""
        return _Sum(self.bytes + size, self.areas + 1, max(self.largest, size))


_NOTHING = _Sum(0, 0, 0)


def areas(recording: Recording) -> Iterator[Part]:
    """Each function that has memory of vmalloc at the last look; kernel stacks are left out."""
    read = _Reader().sums
    seen = [(sample.monotonic, found) for sample in recording if (found := read(sample))]
    if len(seen) < 2:
        return
    times = np.array([time for time, _ in seen])
    last = seen[-1][1]
    for caller in last:
        values = np.array([found.get(caller, _NOTHING).bytes for _, found in seen], np.float64)
        if not np.ptp(values):
            continue
        series = Series(caller, times, values, "bytes", AREAS)
        function, _, module = caller.partition(" ")
        own = last[caller]
        said = f"{counted(own.areas, 'area')} of {format_bytes(own.bytes)} in sum name it as their caller"
        where = f"vmalloc memory that the kernel's function {function}"
        yield kernel_part(
            series,
            f"{where} {module} asked for" if module else f"{where} asked for",
            AREAS,
            f"sudo grep {function} /proc/vmallocinfo | tail; sudo bpftrace -e"
            f" 'kprobe:{function} {{ @[comm, pid] = count(); }}' says for whom",
            own.largest,  # one that was just made
            evidence=partial(iter, (said,)),
        )


class _Reader:
    """Sums by function, with its module behind it. An area mostly stays: each line is parsed once for all samples."""

    def __init__(self) -> None:
        self._lines: dict[bytes, tuple[str, int]] = {}

    def sums(self, sample: Sample) -> dict[str, _Sum]:
        """Empty where it was not read."""
        sums: dict[str, _Sum] = {}
        for line in sample.texts.files.get("/proc/vmallocinfo", b"").split(b"\n"):
            if b" pages=" not in line:
                continue  # a device's, or an address that waits to be used again: no memory
            known = self._lines.get(line)
            if known is None:
                known = self._lines[line] = _asked(line, sample.host.page_bytes)
            name, size = known
            if size:
                sums[name] = sums.get(name, _NOTHING).plus(size)
        return sums


def _asked(line: bytes, page_bytes: int) -> tuple[str, int]:
    """(function and module, bytes); no bytes for a kernel stack."""
    (area,) = vmallocinfo.parse(line, "/proc/vmallocinfo", page_bytes)
    function, _, rest = (area.caller or "").partition("+")
    size = 0 if not function or function in _STACKS else area.bytes or 0
    return " ".join([function, *rest.split(" ")[1:]]), size
