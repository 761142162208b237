"""Puts heaptrack's library into a process, and takes it out again whoever is killed.

    python guard.py PID FILE SECONDS BYTES GDB LIBRARY

Says `in BYTES` when the library records into FILE, and `out WHY BYTES` when it no longer does, which is
when: its standard input ends (the one who started it let go, or is dead), SECONDS are over, FILE has BYTES,
or the process ended. BYTES are of anonymous memory, resident and swapped, while the process was stopped for it.
It is in a session of its own, so that Ctrl-C does not reach it while gdb has the process stopped: a gdb that
is killed in the middle of a call that it makes the process do leaves it broken.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time

_TICK = 0.1
_LOAD_NOW = 2  # RTLD_NOW


def say(*words: object) -> None:
    """To who started it, who may be dead: the rest is to be done all the same."""
    try:
        print(*words, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def gdb(program: str, pid: int, *commands: str) -> str:
    """Stop the process, make it do that, let it go; what gdb says."""
    # auto-solib-add off: symbols of every library would take seconds, and the process waits
    argv = [program, "--batch-silent", "-n", "-iex", "set auto-solib-add off", "-p", str(pid)]
    look = f"shell grep -E '^(Anonymous|Swap):' /proc/{pid}/smaps_rollup >&2"
    for command in (*commands, "detach"):
        argv += ["--eval-command", command.replace("LOOK", look)]
    environment = {**os.environ, "DEBUGINFOD_URLS": ""}
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False
    )
    return done.stderr


def anonymous(said: str) -> int:
    """The bytes that LOOK printed."""
    lines = (line.split() for line in said.splitlines())
    sizes = [words[1] for words in lines if words and words[0] in ("Anonymous:", "Swap:")]
    return sum(int(size) for size in sizes) * 1024


def recording(pid: int, path: str) -> bool:
    """Whether the process has it open; it writes in pieces of 4 KiB, so the file may be empty for long."""
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    return any(_target(pid, name) == path for name in names)


def _target(pid: int, name: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/fd/{name}")
    except OSError:
        return ""


def main() -> None:
    """In, wait, out."""
    pid, path, seconds, most, program, library = sys.argv[1:]
    target, file = int(pid), os.open(path, os.O_RDONLY)
    try:
        said = gdb(
            program,
            target,
            "sharedlibrary libc.so",
            f'call (void) dlmopen(0, "{library}", {_LOAD_NOW})',
            "sharedlibrary libheaptrack_inject",
            f'call (void) heaptrack_inject("{path}")',
            "LOOK",
        )
        is_in = recording(target, path)
    finally:
        os.unlink(path)
    if not is_in:
        last = [line for line in said.splitlines() if line.strip()][-1:]
        say("failed", *last)
        return
    say("in", anonymous(said))
    until = time.monotonic() + float(seconds)
    why = "time"
    while time.monotonic() < until:
        if select.select([0], [], [], _TICK)[0]:
            why = "asked"
            break
        if os.fstat(file).st_size > int(most):
            why = "bytes"
            break
        if not os.path.exists(f"/proc/{pid}"):
            why = "gone"
            break
    library = "sharedlibrary libheaptrack_inject"
    said = gdb(program, target, "LOOK", library, "call (void) heaptrack_stop()")
    say("out", why, anonymous(said))


if __name__ == "__main__":
    main()
