"""Runs a tool that lets gdb stop a process, and sees to it that gdb lets go: `python bounded.py SECONDS COMMAND…`.

A gdb that is killed leaves its breakpoints in the process, which dies at the first of them; one that is
interrupted takes them out and detaches. So when SECONDS are over, or the standard input ends (the one who
started this let go, or is dead), each gdb below gets SIGINT. Exit status: the command's, or LATE.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time

LATE = 124  # as timeout(1) says it
_TICK, _GRACE = 0.05, 10.0


def below(pid: int) -> list[tuple[int, str]]:
    """(pid, name) of all descendants."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
                before, _, after = file.read().rpartition(")")
        except OSError:
            continue
        found.append((int(number), int(after.split()[1]), before.partition("(")[2]))
    wanted, known = [], {pid}
    for _ in range(8):  # a tool's shells and their children; more levels there are none
        for child, parent, name in found:
            if parent in known and child not in known:
                known.add(child)
                wanted.append((child, name))
    return wanted


def main() -> int:
    """Run, wait, and let go in order."""
    seconds, *command = sys.argv[1:]
    until = time.monotonic() + float(seconds)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if select.select([0], [], [], _TICK)[0] or time.monotonic() > until:
                _let_go(process)
                return LATE
        return process.returncode


def _let_go(process: subprocess.Popen[bytes]) -> None:
    for child, name in below(os.getpid()):
        if name == "gdb":
            os.kill(child, signal.SIGINT)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
