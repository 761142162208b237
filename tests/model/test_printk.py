"""Which message reaches the console, and what a log file kept of those that were sent to its daemon."""

import pytest

from memlab.model.logged import kept, messages
from memlab.model.printk import Line, by_level, on_console, ring_of, serial_seconds
from memlab.procfs import oom_report
from memlab.procfs.kmsg import Record
from memlab.procfs.printk import Printk
from tests import oom_texts as real


@pytest.mark.parametrize("console", range(9))
def test_a_message_is_shown_below_the_level_of_the_console(console):
    levels = Printk(console, 4, 1, 7)
    assert [on_console(level, levels) for level in range(8)] == [n < console for n in range(8)]
    assert on_console(None, levels) == (console > 4)
    assert on_console(7, levels, ignore_loglevel=True)


def test_the_ring_says_what_it_lost():
    records = [
        Record(0, 6, 100, 1.5, "a"),
        Record(1, 3, 101, 2.5, "b"),
        Record(0, 6, 103, 9.0, "c"),
    ]
    ring = ring_of(records, 131072)
    assert (ring.first, ring.last, ring.records, ring.size) == (100, 103, 3, 131072)
    assert ring.levels == by_level([6, 3, 6]) == (0, 0, 0, 1, 0, 0, 2, 0)
    assert ring_of([]) is None


def test_a_serial_line_takes_ten_bits_for_a_character():
    assert serial_seconds(11_520, 115_200) == 1.0
    assert serial_seconds(960, 9_600) == 1.0


def lines_of(text):
    return [(line.level, line.text) for line in messages(text).lines]


def test_levels_come_from_the_log_where_it_has_them():
    kmsg = b"4,365,3219798249,-;a b\n SUBSYSTEM=x\n15,366,3219798250,-;a program's\n3,367,12,-;Killed\\x0a\n"
    assert lines_of(kmsg) == [(4, "[ 3219.798249] a b"), (3, "[    0.000012] Killed\n")]
    assert messages(kmsg).levels_known
    assert lines_of(b"<3>[   12.500000] Killed\n") == [(3, "[   12.500000] Killed")]
    assert lines_of(b"kern  :err   : [   12.500000] Killed\n") == [(3, "[   12.500000] Killed")]
    assert lines_of(b"kern  :warn  : [   12.500000] x\n") == [(4, "[   12.500000] x")]


@pytest.mark.parametrize("text", [
    b"Nov 26 10:00:00 vm kernel: [   12.500000] Killed\n", b"[   12.500000] Killed\n",
    b"Nov 26 10:00:00 vm kernel: Killed\n",
])  # fmt: skip
def test_a_log_without_levels_says_so(text):
    found = messages(text)
    assert not found.levels_known
    assert [line.level for line in found.lines] == [4]
    assert found.lines[0].text.endswith("Killed")


@pytest.mark.parametrize("name", real.NAMES)
def test_each_recorded_report_survives_being_made_lines(name):
    """What is sent is read as the same report, whatever the log."""
    text = (real.FOLDER / name).read_bytes()
    before = oom_report.parse(text)
    sent = messages(text)
    wire = "".join(f"Nov 26 10:00:00 vm kernel: {line.text}\n" for line in sent.lines).encode()
    one = kept("messages", "*.info", wire, sent.lines, before, oom_report.parse(wire))
    assert (one.equal, one.lost, one.lines) == (True, (), len(sent.lines))
    assert one.differing == ()


def test_a_lost_line_is_named_and_the_report_is_another():
    text = (real.FOLDER / real.V1).read_bytes()
    before, sent = oom_report.parse(text), messages(text)
    less = "".join(f"kernel: {line.text}\n" for line in sent.lines if line.level != 3).encode()
    one = kept("x", "*.=info", less, sent.lines, before, oom_report.parse(less))
    assert [line.level for line in one.lost] == [3]
    assert "Killed process 15598" in one.lost[0].text
    assert not one.equal
    assert "killed" in one.differing


def test_of_equal_lines_the_first_is_taken_for_the_lost_one():
    sent = (Line(4, "same"), Line(5, "other"), Line(6, "same"))
    one = kept("x", "*", b"kernel: other\nkernel: same\n", sent, (), ())
    assert one.lost == (Line(4, "same"),)
