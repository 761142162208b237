"""gdb: malloc's own account, in use against freed and kept. No stacks: it proves that a heap is no leak.

malloc_info(3) writes into a file, so that nothing is printed where the process prints. What a thread keeps
for itself (tcache) counts as in use; so do blocks that were mapped one by one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from contextlib import suppress

from memlab.errors import Gone, Unsupported
from memlab.model.memory import Pattern
from memlab.model.stacks import Heap, Stacks
from memlab.procfs import status
from memlab.procfs.host import Host
from memlab.trace import attach, bounded
from memlab.trace.spool import folder
from memlab.trace.watch import Watch
from memlab.units import format_bytes

NAME = "gdb"
COST = (
    "gdb stops it for about a second, twice, and makes it call malloc_info; one that is just inside malloc is let go "
    "again without an answer"
)
_SECONDS = 30.0
_TOTAL = re.compile(r'<(?:total|system) type="(\w+)"(?: count="\d+")? size="(\d+)"/>')


def why_not(pid: int) -> None:
    """Raise what keeps it from attaching."""
    attach.program("gdb", "gdb")
    attach.check(pid)
    attach.check_glibc(pid, Host())


def trace(pid: int, watch: Watch, pattern: Pattern | None = None) -> Stacks:
    """Ask malloc, watch, ask again. Raises as `why_not`; Unsupported where malloc gives no answer."""
    why_not(pid)
    before = _ask(pid)
    watched, early = watch.wait(lambda: None if os.path.exists(f"/proc/{pid}") else "it ended")
    if not os.path.exists(f"/proc/{pid}"):
        raise Gone(f"process {pid} ended while it was traced")
    now = _ask(pid)
    return Stacks(
        NAME,
        attach.version("gdb"),
        pid,
        watched,
        (),
        lost=(early,) if early else (),
        notes=(
            _told("in use", before.in_use, now.in_use),
            _told("freed and kept", before.kept, now.kept),
        ),
        heaps=(before, now),
    )


def _told(what: str, before: int, now: int) -> str:
    change = f"{'+' if now >= before else ''}{format_bytes(now - before)}"
    return f"of malloc's memory {format_bytes(now)} is {what} ({change} meanwhile)"


def _ask(pid: int) -> Heap:
    """What malloc_info says. gdb unwinds its call should that be interrupted: the process goes on where it was."""
    number, path = tempfile.mkstemp(prefix="memlab-trace-", dir=folder())
    owner = status.read(Host(), pid)
    try:
        with suppress(OSError):  # only root can, and only root needs to
            os.fchown(number, owner.uid[1], owner.gid[1])
        said = _run(
            pid,
            "set unwindonsignal on",
            "sharedlibrary libc.so",
            f'set $file = ((void* (*)(const char*, const char*)) fopen)("{path}", "w")',
            "call ((int (*)(int, void*)) malloc_info)(0, $file)",
            "call ((int (*)(void*)) fclose)($file)",
        )
        with open(number, encoding="utf-8", errors="replace", closefd=True) as file:
            heap = parse(file.read())
    finally:
        os.unlink(path)
    if heap is None:
        last = [line for line in said.splitlines() if line.strip()][-1:] or ["gdb says nothing"]
        raise Unsupported(
            f"malloc of process {pid} did not answer", f"try again ({last[0].strip()})"
        )
    return heap


def _run(pid: int, *commands: str) -> str:
    argv = ["gdb", "--batch", "-nx", "-iex", "set auto-solib-add off", "-p", str(pid)]
    for command in (*commands, "detach"):
        argv += ["-ex", command]
    theirs, ours = os.pipe()  # the end of ours tells it that we are no more
    try:
        done = subprocess.run(
            (sys.executable, "-I", "-S", bounded.__file__, str(_SECONDS), *argv),
            stdin=theirs, capture_output=True, text=True, errors="replace", check=False,
            start_new_session=True, env={**os.environ, "DEBUGINFOD_URLS": ""},
        )  # fmt: skip
    finally:
        os.close(theirs)
        os.close(ours)
    return done.stdout + done.stderr


def parse(text: str) -> Heap | None:
    """The totals that stand behind those of each arena (glibc malloc/malloc.c, __malloc_info); None where cut."""
    _, ended, totals = text.rpartition("</heap>")
    if not ended or "</malloc>" not in totals:
        return None
    sizes = {name: int(size) for name, size in _TOTAL.findall(totals)}
    kept = sizes.get("fast", 0) + sizes.get("rest", 0)
    return Heap(sizes.get("current", 0) - kept, kept, sizes.get("mmap", 0))
