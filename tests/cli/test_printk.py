"""`memlab printk` and `memlab tmpfs` as a person types them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from memlab.procfs import printk
from memlab.procfs.host import Host
from tests import oom_texts as real
from tests.cli.test_commands import PACKAGE, one_line, run
from tests.lab.ordinary import as_root, run_as_nobody
from tests.lab.test_syslogd import needs_rsyslog


def test_levels_says_what_reaches_the_console():
    done = run("printk", "levels")
    assert (done.returncode, done.stderr) == (0, "")
    words = Path("/proc/sys/kernel/printk").read_text().split()
    assert done.stdout.startswith(f"kernel.printk = {' '.join(words)}\n")
    shown = [
        line.rstrip().endswith("not shown")
        for line in done.stdout.splitlines()
        if "level 3 (err)" in line
    ]
    assert shown == [printk.read(Host()).console_loglevel <= 3]
    assert "ring buffer keeps every message" in done.stdout


def test_levels_as_json_has_the_fields():
    found = json.loads(run("printk", "levels", "--json").stdout)
    assert found["levels"]["console_loglevel"] == printk.read(Host()).console_loglevel
    assert {"limits", "consoles", "ring", "readers"} <= found.keys()


@as_root
def test_an_ordinary_user_is_told_what_cannot_be_read():
    done = run_as_nobody("-m", "memlab.cli.main", "printk", "levels")
    assert done.returncode == 0, done.stderr
    restricted = Path("/proc/sys/kernel/dmesg_restrict").read_text() == "1\n"
    assert ("/dev/kmsg may not be read: run as root" in done.stdout) == restricted
    one_line(run_as_nobody("-m", "memlab.cli.main", "printk", "cost"), "run as root")


@needs_rsyslog
def test_syslog_keeps_what_came_and_oom_read_reads_it(tmp_path):
    kept = tmp_path / "messages"
    done = run("printk", "syslog", real.FOLDER / real.V1, "--keep", kept)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "81 of 81 messages; memlab oom read finds 1 report in it, equal to what was sent"
        in done.stdout
    )
    assert (
        "lost, level err: [ 3219.798938] Memory cgroup out of memory: Killed process 15598"
        in done.stdout
    )
    assert done.stdout.endswith(f"next      memlab oom read {kept}\n")
    direct, through = (
        json.loads(run("oom", "read", "--json", file).stdout)
        for file in (real.FOLDER / real.V1, kept)
    )
    assert through["victim"] == direct["victim"]
    assert through["tasks"] == direct["tasks"]


def test_a_file_that_cannot_be_read_or_written_is_one_line(tmp_path):
    one_line(run("printk", "syslog", tmp_path / "none"), "cannot be read", "name a log file")
    (tmp_path / "log").write_text("hello\n")
    one_line(run("printk", "syslog", tmp_path / "log"), "no OOM report")


@pytest.mark.needs("unshare")
def test_tmpfs_resize_shows_each_command_and_what_came_of_it():
    done = run("tmpfs", "resize", *(["--user-namespace"] if os.getuid() else []))
    if done.returncode == 2 and "namespace" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "$ mount -o remount,size=16M tmpfs /tmp",
        "the open file takes 8 MiB more, then ENOSPC",
        "refused: EINVAL",
    ):
        assert words in done.stdout
    assert "HAS CHANGED" not in done.stdout
    one_line(run("tmpfs", "resize", "--shrink", "8MiB"), "shrink < size < grow")


def test_the_console_lab_refuses_what_it_does_not_do_before_it_boots(tmp_path):
    one_line(
        run("kernel", "lab", "console", "--write", tmp_path / "no" / "page.md"), "cannot be written"
    )
    one_line(
        run("kernel", "lab", "console", "--log", tmp_path / "log"), "leave out --record and --log"
    )
    one_line(run("kernel", "lab", "oom", "--quick"), "are of the console lab")
    assert list(tmp_path.iterdir()) == []


def test_without_qemu_the_recorded_table_is_shown_and_one_line_says_why(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("kept\n")
    words = [sys.executable, "-m", "memlab.cli.main", "kernel", "lab", "console", "--write", page]
    done = subprocess.run(
        words, env={**os.environ, "PATH": "/nonexistent", "PYTHONPATH": PACKAGE},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    one_line(done, "qemu", "apt-get install")
    assert "As it was elsewhere" in done.stdout
    assert "602 of 602 lines" in done.stdout
    assert page.read_text() == "kept\n"
