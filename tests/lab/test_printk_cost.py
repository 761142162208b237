"""What a line costs: few lines, found again by their tag, and none where a console would show them."""

import os
from pathlib import Path

import pytest

from memlab.errors import Denied, Refused
from memlab.lab.printk_cost import measure
from memlab.procfs import kmsg, printk
from memlab.procfs.host import Host

pytestmark = pytest.mark.live


def writable():
    limits = printk.read_limits(Host())
    shown = printk.read(Host()).console_loglevel > 7 or limits.ignore_loglevel
    return os.access("/dev/kmsg", os.W_OK) and not shown and limits.devkmsg != "off"


needs_kmsg = pytest.mark.skipif(
    not writable(),
    reason="needs /dev/kmsg for writing (root), and a console that shows no debug messages",
)


@needs_kmsg
def test_the_lines_are_announced_few_and_found_again():
    said = []
    before = Path("/proc/sys/kernel/printk_devkmsg").read_text()
    cost = measure(lines=25, length=60, say=said.append)
    assert said == [
        f"writing 25 + 15 lines of 60 characters to /dev/kmsg, level 7 (debug), each with {cost.tag}"
    ]
    assert (len(cost.seconds), len(cost.null_seconds)) == (25, 25)
    assert min(cost.seconds) > 0
    found = [record for record in kmsg.ring() if record.text.startswith(cost.tag)]
    assert {(record.facility, record.level, len(record.text)) for record in found} == {(1, 7, 60)}
    assert len(found) == cost.arrived + cost.pressed_arrived
    assert Path("/proc/sys/kernel/printk_devkmsg").read_text() == before


@needs_kmsg
def test_a_program_that_writes_on_through_one_file_loses_lines_and_is_told_nothing():
    if printk.read_limits(Host()).devkmsg != "ratelimit":
        pytest.skip("needs kernel.printk_devkmsg = ratelimit, as kernels have it")
    cost = measure(lines=10, say=lambda _: None)
    assert cost.arrived == 10
    assert (cost.pressed, cost.pressed_arrived) == (15, 10)


@pytest.mark.parametrize(("lines", "length"), [(0, 90), (501, 90), (10, 39), (10, 901)])
def test_many_or_endless_lines_are_refused(lines, length):
    with pytest.raises(Refused, match="take 1 to 500 lines"):
        measure(lines, length, say=lambda _: None)


def test_who_may_not_write_is_told_so(tmp_path, monkeypatch):
    if os.getuid() == 0:
        pytest.skip("needs an ordinary user, who may not write to /dev/kmsg")
    with pytest.raises(Denied, match="run as root"):
        measure(say=lambda _: None)
