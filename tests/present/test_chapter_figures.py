"""What the figures of the chapters draw is what they were given."""

from memlab.diagnose import over_time
from memlab.present.colours import VERDICT_COLOURS
from memlab.present.figures import places_figure, steps_figure, verdicts_figure
from tests.diagnose.test_judge import MIB, heap, made


def test_steps_begin_at_zero_and_end_where_asked():
    recordings = {"leak": made(lambda t: heap(t * MIB)), "flat": made(lambda t: heap(0))}
    figure = steps_figure(recordings, "kind.heap", first=5)
    leak, flat = figure.data
    assert (list(leak.x), leak.name) == ([0, 1, 2, 3, 4], "leak")
    assert list(leak.y) == [0, 0.5, 1.0, 1.5, 2.0] and set(flat.y) == {0}


def test_verdicts_cover_the_time_without_a_gap():
    said = over_time(made(lambda t: heap(min(t, 6) * MIB), seconds=20))
    figure = verdicts_figure({"warm-up": said})
    assert {bar.name: bar.marker.color for bar in figure.data} == {
        verdict.value: colour for verdict, colour in VERDICT_COLOURS.items()
    }
    pieces = sorted(
        (begin, begin + width)
        for bar in figure.data
        for begin, width in zip(bar.base, bar.x, strict=True)
    )
    assert pieces == [(n, n + 1) for n in range(20)]


def test_a_table_of_places_keeps_its_order_from_the_top():
    rows = {
        "heap": {"VmSize": (1.0, "8 MiB"), "fd": (0.0, "")},
        "shm": {"VmSize": (0.5, "4 MiB"), "fd": (0.0, "?")},
    }
    (table,) = places_figure(rows).data
    assert list(table.x) == ["VmSize", "fd"]
    assert list(table.y) == ["shm", "heap"]
    assert [list(row) for row in table.text] == [["4 MiB", "?"], ["8 MiB", ""]]
