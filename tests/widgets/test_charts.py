"""The charts over a real leaker, live and still."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from memlab.lab import experiment
from memlab.lab.experiment import Experiment
from memlab.observe.live import LiveRecorder
from memlab.units import KIB, MIB, PAGE_BYTES
from memlab.widgets import MappingsChart, MeminfoChart, PidstatChart, TypesChart, VerdictView
from memlab.widgets.charts import short
from tests.waiting import until

pytestmark = [pytest.mark.live, pytest.mark.needs("gcc")]


@pytest.fixture
def heap() -> Iterator[Experiment]:
    with experiment.start("heap", paused=True, cap="32MiB") as running:
        yield running


def last(chart: TypesChart | PidstatChart | MappingsChart | MeminfoChart, name: str) -> float:
    values = chart.values(name)[1]
    return float(values[-1]) if len(values) else float("nan")


def most_risen(chart: MeminfoChart, name: str) -> float:
    """The most that a later value of the line is above an earlier one."""
    values = chart.values(name)[1]
    return float((values - np.minimum.accumulate(values)).max()) if len(values) else 0.0


def test_live_and_still_they_show_the_leak(heap: Experiment) -> None:
    with LiveRecorder(heap.pid, interval=0.05) as recorder:
        charts = [kind(recorder) for kind in (PidstatChart, TypesChart, MappingsChart)]
        pidstat, types, mappings = charts
        until(lambda: all(len(chart.values("RSS")[0]) for chart in charts))
        rss, private = last(pidstat, "RSS"), last(types, "private anonymous")
        heap.step(128)  # times 64 KiB
        leaked = 8 * MIB
        until(lambda: last(pidstat, "RSS") >= rss + leaked)
        until(lambda: last(types, "private anonymous") >= private + leaked)
        until(lambda: last(mappings, "[heap]") >= leaked)
        # what malloc adds: 16 bytes a block and 128 KiB of top pad, and a page at each end
        assert last(mappings, "[heap]") <= leaked + 128 * 16 + 128 * KIB + 8 * KIB
        assert mappings.traces[0].name == "[heap]"

    still = TypesChart(recorder.recording)
    assert still.values("private anonymous")[1].max() == last(types, "private anonymous")
    verdict = VerdictView(recorder.recording)
    assert "What memlab sees" in verdict.value
    for chart in (*charts, still, verdict):
        chart.close()


def test_a_chart_stops_with_its_recorder(heap: Experiment) -> None:
    recorder = LiveRecorder(heap.pid, interval=0.05).start()
    chart = PidstatChart(recorder)
    until(lambda: len(chart.values("RSS")[0]) > 2)
    recorder.stop()
    assert chart._follower is not None
    until(lambda: not chart._follower._thread.is_alive())
    assert len(chart.values("RSS")[0]) == len(recorder.recording)
    chart.close()


def test_the_machine_shows_what_no_mapping_shows() -> None:
    with (
        experiment.start("tmpfs", paused=True, cap="48MiB") as tmpfs,
        LiveRecorder(tmpfs.pid, interval=0.05) as recorder,
    ):
        # other lines may move more on a machine that does other things: ask for all
        machine, mappings = MeminfoChart(recorder, most=60), MappingsChart(recorder)
        until(lambda: len(machine.values("Shmem")[0]))
        tmpfs.step(160)  # times 256 KiB
        # others on this machine may free shared memory before and meanwhile, hence a half of a rise
        until(lambda: most_risen(machine, "Shmem") >= 20 * MIB)
        assert "Shmem" in [spec.name for spec in machine.traces]
        assert all(spec.name != "Shmem" for spec in mappings.traces)
        machine.close()
        mappings.close()


def test_a_stack_shows_as_address_space() -> None:
    with (
        experiment.start("thread-stack", paused=True, cap="128MiB") as threads,
        LiveRecorder(threads.pid, interval=0.05) as recorder,
    ):
        chart = MappingsChart(recorder)
        until(lambda: len(chart.values("x")[0]))
        threads.step(5)
        # with or without the guard page below each stack
        until(lambda: last(chart, "thread stack (size)") in (50 * MIB, 50 * MIB + 5 * PAGE_BYTES))
        chart.close()


def test_no_two_meminfo_lines_share_a_colour() -> None:
    chart = MeminfoChart()
    for names in (["a", "b"], ["c", "b"], ["c", "b", "d", "e", "f", "g"]):
        chart.set_traces(chart._line_specs(names))
        colours = [spec.colour for spec in chart.traces]
        assert [spec.name for spec in chart.traces] == names
        assert len(set(colours)) == len(colours)
    chart.close()


def test_long_labels_are_shortened_in_the_middle() -> None:
    assert short("/usr/lib/x86_64-linux-gnu/libc.so.6") == "libc.so.6"
    label = short("/tmp/" + "a" * 20 + "b" * 20)
    assert len(label) == 28 and label.startswith("aaa") and label.endswith("bbb") and "…" in label
