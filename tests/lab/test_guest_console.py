"""A few cells of the console lab, on a guest: the line takes its time, and the log keeps what the console does not."""

import time

import pytest

from memlab.lab.guest.labs.console import QUICK, QUICK_CROWD, Pace, Settings, measure_quick
from memlab.model.printk import serial_seconds
from tests.guests import need_quick


@pytest.mark.parametrize("baud", [115_200, 9_600])
def test_a_reader_keeps_to_the_speed_of_the_line_however_late_it_wakes_up(baud, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pace, sent = Pace(baud), 0
    for late in (0.0, 0.004, 0.0, 0.011, 0.0, 0.0) * 50:
        sent += 32
        now[0] += max(0.0, pace(32)) + late
    # it may be ahead by what it could catch up with, and be late by its last wait
    assert serial_seconds(sent, baud) - 0.021 <= now[0] - 1000 <= serial_seconds(sent, baud) + 0.05


def test_a_line_that_was_idle_has_no_credit(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pace = Pace(9_600)
    pace(32)
    now[0] += 60
    assert pace(960) >= 1.0 - 0.02


@pytest.mark.live
@pytest.mark.needs("qemu-system-x86_64")
@pytest.mark.timeout(300)
def test_a_lower_loglevel_frees_the_machine_and_loses_nothing_but_the_copy():
    need_quick()
    said = []
    table = measure_quick(said.append)
    assert len(table.cells) == len(QUICK)
    assert len(said) == 1 + len(QUICK)
    for one, cell in zip(QUICK, table.cells, strict=True):
        assert Settings(cell.baud, cell.loglevel, cell.dump_tasks) == one
        assert cell.file_lines == cell.lines, "klogd and syslogd carry all of it"
        assert cell.victim_in_file
        assert cell.victim_on_console == (cell.loglevel > 3)
        # the crowd, and a few of the guest's own
        assert (cell.tasks >= QUICK_CROWD) == bool(cell.dump_tasks)
        # while the kernel prints nobody runs on the only CPU. The line may be ahead by what a late reader
        # makes up for (0.02 s), the channel (32 characters, and as many on their way) and a piece (32); and the
        # guest has set its clock by an emulated timer: on a busy machine it was 1.4 % slow
        line = serial_seconds(cell.console_bytes - 96, cell.baud)
        assert cell.stall_seconds >= 0.95 * line - 0.021
    loud, short, quiet, *_, silent = table.cells
    assert loud.console_lines == loud.lines
    assert (quiet.console_lines, silent.console_lines) == (1, 0)
    assert loud.report_seconds > 5 * quiet.report_seconds
    assert loud.report_seconds > short.report_seconds
