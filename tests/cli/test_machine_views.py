"""`memlab meminfo` and `memlab owners` as a person types them."""

import os
import subprocess

import pytest

from tests.cli.test_commands import one_line, run


def kb(line):
    return int(line.split(" kB")[0].split()[-1].replace(",", ""))


@pytest.mark.live
def test_the_printed_lines_add_up_to_the_last():
    done = run("meminfo")
    assert (done.returncode, done.stderr) == (0, "")
    table = done.stdout.split("\n\n")[0].splitlines()
    *parts, total = [line for line in table if not line.startswith("  ")]
    assert total.startswith("= MemTotal")
    assert sum(map(kb, parts)) == kb(total)
    with open("/proc/meminfo") as file:
        assert kb(total) == int(file.readline().split()[1])


@pytest.mark.live
def test_the_owners_printed_add_up_to_shmem():
    done = run("owners", "--top", 3)
    assert (done.returncode, done.stderr) == (0, "")
    table = done.stdout.split("\n\n")[1].splitlines()
    *parts, total = [line for line in table if not line.startswith("  ")]
    assert total.startswith("= Shmem")
    assert sum(map(kb, parts)) == kb(total)


def test_what_one_process_holds_and_one_line_for_what_is_wrong():
    memfd = os.memfd_create("memlab-test-mine")
    os.write(memfd, bytes(8192))
    held = run("owners", os.getpid()).stdout
    os.close(memfd)
    assert any("8 KiB" in line and "memlab-test-mine" in line for line in held.splitlines())
    child = subprocess.Popen(["sleep", "100"])
    assert "holds no shared memory" in run("owners", child.pid).stdout
    child.kill()
    child.wait()
    one_line(run("owners", 99999999), "no process 99999999")
    one_line(run("owners", "abc"), "pid")
    one_line(run("owners", "--top", "0"), "count")
