"""A process with mappings of many sorts that holds still, for our tables and the tools' to look at."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

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


def stop(pid):
    """Stopped, no number of it moves: else what it does after its last words does."""
    os.kill(pid, signal.SIGSTOP)
    stat = Path(f"/proc/{pid}/stat")
    until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")


@contextmanager
def still_process():
    """Its pid. It is stopped: no number of it moves."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "ready\n"
        stop(child.pid)
        yield child.pid
    finally:
        child.kill()
        child.communicate()
