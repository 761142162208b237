"""A process with mappings of many sorts that holds still, for our tables and the tools' to look at."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import until

CHILD = r"""
import ctypes, mmap, os, sys, tempfile, threading
kept = [bytearray(3 << 20), bytearray(b"x" * (2 << 20))]
threading.Thread(target=sys.stdin.read, daemon=True).start()
shared = mmap.mmap(-1, 1 << 20)
shared[: 1 << 19] = b"s" * (1 << 19)
hidden = os.memfd_create("a memfd with blanks")
os.ftruncate(hidden, 1 << 20)
views = [mmap.mmap(hidden, 1 << 20)]
views[0][:8192] = b"m" * 8192
with tempfile.NamedTemporaryFile() as file:
    file.write(b"f" * (1 << 20))
    file.flush()
    views.append(mmap.mmap(file.fileno(), 1 << 20, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE))
    views.append(mmap.mmap(file.fileno(), 1 << 20, mmap.MAP_SHARED, mmap.PROT_READ))
views[1][0] = 1
sum(views[2][::4096])
print("ready", flush=True)
threading.Event().wait()
"""


@pytest.fixture(scope="module")
def still():
    """Its pid. It is stopped: no number of it moves."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "ready\n"
        os.kill(child.pid, signal.SIGSTOP)
        stat = Path(f"/proc/{child.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
        yield child.pid
    finally:
        child.kill()
        child.communicate()


@pytest.fixture
def said():
    """What a tool prints, in the C locale."""

    def run(*command, **environment):
        done = subprocess.run(
            [*map(str, command)], capture_output=True, text=True, check=True,
            env={**os.environ, "LC_ALL": "C", "S_TIME_FORMAT": "ISO", **environment},
        )  # fmt: skip
        return done.stdout.splitlines()

    return run
