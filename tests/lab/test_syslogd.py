"""rsyslog as a process of the lab: what it is sent it writes, and whatever ends it, nothing of it is left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memlab.errors import Unsupported
from memlab.lab import syslogd
from memlab.lab.logged import deliver, shipped_report
from memlab.lab.runs import SHM
from memlab.lab.sweep import sweep
from memlab.lab.syslogd import Syslog
from memlab.lab.tools import which
from memlab.model.printk import Line
from memlab.procfs import oom_report
from tests import oom_texts as real
from tests.lab.private import in_own_shm
from tests.lab.remains import gone, is_zombie, remains
from tests.waiting import until

needs_rsyslog = pytest.mark.skipif(
    which("rsyslogd") is None, reason="needs rsyslogd (memlab doctor says what to install)"
)
pytestmark = pytest.mark.live


@needs_rsyslog
@pytest.mark.parametrize("name", real.NAMES)
def test_a_report_comes_out_of_messages_as_it_went_in(name):
    text = (real.FOLDER / name).read_bytes()
    delivered = deliver(text, lambda _: None)
    found = {one.name: one for one in delivered.files}
    for whole in ("messages", "kern.log"):
        assert found[whole].equal, found[whole].differing
        assert found[whole].lost == ()
    assert len(oom_report.parse(delivered.texts["messages"])) == len(delivered.reports) == 1


@needs_rsyslog
def test_the_rule_of_an_old_debian_loses_the_line_that_names_the_victim():
    """mm/oom_kill.c prints it as an error, and that rule takes info, notice and warning."""
    delivered = deliver(shipped_report(), lambda _: None)
    (old,) = [one for one in delivered.files if one.name == "messages-debian-11"]
    assert [(line.level, "Killed process" in line.text) for line in old.lost] == [(3, True)]
    (report,) = oom_report.parse(delivered.texts["messages-debian-11"])
    assert report.killed == ()


@needs_rsyslog
def test_a_log_longer_than_a_pipe_comes_whole():
    lines = [Line(6, f"line {number:05} {'.' * 200}") for number in range(3000)]
    with Syslog() as syslog:
        assert syslog.send(lines) == 3000
        written = syslog.text("messages").decode().splitlines()
    assert [line.partition("kernel: ")[2] for line in written] == [line.text for line in lines]


@needs_rsyslog
def test_levels_select_what_a_file_gets_and_its_socket_is_its_own():
    with Syslog() as syslog:
        syslog.send(Line(level, f"of level {level}") for level in range(8))
        syslog.send_as_program(8 + 6, "a-program: hello")  # user.info
        until(lambda: b"a-program: hello" in syslog.text("messages"))
        messages, old, kernel = (syslog.text(name).decode() for name in syslogd.RULES)
        assert Path(syslog.folder, "socket").is_socket()
    assert [level for level in range(8) if f"of level {level}" in messages] == [0, 1, 2, 3, 4, 5, 6]
    assert [level for level in range(8) if f"of level {level}" in old] == [4, 5, 6]
    assert [level for level in range(8) if f"of level {level}" in kernel] == list(range(8))
    assert "hello" not in kernel


@needs_rsyslog
def test_at_the_end_nothing_is_left():
    with Syslog() as syslog:
        run, pid = syslog.run, syslog.pid
        assert remains(run)
        assert Path(f"/proc/{pid}/comm").read_text() == "rsyslogd\n"
    gone(run)


DRIVER = """
import sys
from memlab.lab.syslogd import Syslog
from memlab.lab.tools import which
with Syslog() as syslog:
    print(syslog.run, syslog.pid, syslog._guard.pid, flush=True)
    sys.stdin.read()
"""


def driver():
    """A process that has started rsyslog; with the run's id and the pids of rsyslog and guard."""
    started = subprocess.Popen(
        [sys.executable, "-c", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    run, pid, guard = started.stdout.readline().split()
    return started, run, int(pid), int(guard)


@needs_rsyslog
def test_after_kill_9_of_the_driver_nothing_is_left():
    started, run, _, _ = driver()
    started.kill()
    started.wait()
    gone(run)


@needs_rsyslog
@in_own_shm
def test_after_kill_9_of_driver_guard_and_supervisor_a_sweep_leaves_nothing():
    started, run, pid, guard = driver()
    supervisor = int(Path(f"/proc/{guard}/task/{guard}/children").read_text().split()[0])
    for one in (guard, supervisor, started.pid):
        os.kill(one, signal.SIGSTOP)
    for one in (guard, supervisor, started.pid):
        os.kill(one, signal.SIGKILL)
    started.wait()
    until(lambda: all(map(is_zombie, (guard, supervisor, pid))))
    (said,) = sweep()
    assert said.startswith(f"removed what run {run} of rsyslog had left: ")
    assert "/files/rsyslog.conf" in said
    gone(run)
    assert list(SHM.iterdir()) == []


def test_without_rsyslog_one_line_says_which_package(monkeypatch):
    monkeypatch.setattr(syslogd, "PROGRAM", "rsyslogd-that-is-not-here")
    with pytest.raises(Unsupported, match=r"apt-get install rsyslog$"):
        Syslog()


@needs_rsyslog
def test_a_log_without_a_report_is_not_sent():
    with pytest.raises(Unsupported, match="no OOM report"):
        deliver(b"Nov 26 10:00:00 vm kernel: hello\n", print)
