"""py-spy, at the system calls of a Python program: which line of Python asked the kernel.

What the kernel holds for a process (descriptors, shared memory, threads' stacks, children) passes by the tools
that follow Python's allocators, and strace sees frames of the interpreter only. So the process is stopped at the
calls that take such things, by a tracer of our own (`pauses`), and py-spy, which reads memory and attaches to
nothing, reads the stack of Python there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TextIO

import memlab
from memlab.errors import MemlabError, Unsupported
from memlab.model.memory import Pattern
from memlab.model.stacks import Frame, Of, Stack, Stacks
from memlab.procfs import maps
from memlab.procfs.host import Host
from memlab.trace import attach, calls, pauses, syscalls
from memlab.trace.tracer import Tracer
from memlab.trace.watch import Watch
from memlab.units import KIB, MIB

NAME = "py-spy"
COST = (
    "each system call of it stops twice, and at those that take something it is held for some 30 ms while its "
    "Python stack is read, in sum for half of the time at most; nothing is put into it"
)
_PROBE_SECONDS, _PROBES = 10.0, 10
_FRAME = re.compile(r"^(?P<function>.*?) \((?P<file>.*):(?P<line>\d+)\)$")
# what pymalloc asks for at a time: 1 MiB from Python 3.10 on, 256 KiB before (Include/internal/pycore_obmalloc.h)
_POOLS = (MIB, 256 * KIB)
_ROOT = str(Path(memlab.__file__).parent.parent)
# -I -S leaves out what is installed, and what lies in the working folder; memlab itself must be found
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop()); from memlab.trace.pauses import main; main()"
)


def is_python(pid: int) -> bool:
    """Whether a CPython runs in it: the program itself, or its library in another one."""
    host = Host()
    try:
        if Path(host.readlink(f"/proc/{pid}/exe")).name.startswith("python"):
            return True
        return any("/libpython3" in one.name for one in maps.read(host, pid))
    except MemlabError:
        return False


def why_not(pid: int) -> None:
    """Raise what keeps it from attaching: rights, no CPython, no py-spy, or one that cannot read this Python."""
    attach.check(pid)
    if not is_python(pid):
        raise Unsupported(f"process {pid} is no CPython", "py-spy is for Python")
    if not syscalls.table(os.uname().machine):
        raise Unsupported(f"the numbers of system calls of {os.uname().machine} are not known here")
    _probe(program(), pid)


def program() -> str:
    """Beside the Python that runs memlab, else on the path."""
    beside = os.path.join(sysconfig.get_path("scripts"), NAME)
    path = beside if os.access(beside, os.X_OK) else shutil.which(NAME)
    if path is None:
        raise Unsupported("py-spy is not here", f"{sys.executable} -m pip install py-spy")
    return path


def _probe(path: str, pid: int) -> None:
    """Does it know this interpreter? The process runs on while it reads, so one failure is no proof."""
    said = "it says nothing"
    for _ in range(_PROBES):
        try:
            done = subprocess.run(
                [path, "dump", "--nonblocking", "--json", "--pid", str(pid)],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                timeout=_PROBE_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            said = f"it takes more than {_PROBE_SECONDS:g} s"
            break
        if done.returncode == 0:
            return
        said = next((line.strip() for line in done.stderr.splitlines() if line.strip()), said)
    raise Unsupported(f"py-spy cannot read the Python of process {pid}", said)


def trace(pid: int, watch: Watch, pattern: Pattern | None = None) -> Stacks:
    """Attach, watch, let go, and say what is held by which line of Python. Raises as `why_not`."""
    why_not(pid)
    path = program()
    names = ",".join(calls.of(pattern))

    def tracer(log: TextIO) -> Tracer:
        words = (str(pid), path, str(log.fileno()), names)
        return Tracer(NAME, [sys.executable, "-I", "-S", "-c", _START, *words, _ROOT])

    seen = calls.watched(pid, watch, tracer)
    stacks = seen.stacks(_frames)
    return Stacks(
        NAME,
        attach.version(path),
        pid,
        seen.seconds,
        stacks,
        tuple(seen.lost + _lost(seen)),
        tuple(seen.doubts() + _doubts(stacks, pattern)),
        growth=seen.growth(stacks),
    )


def _frames(printed: tuple[str, ...]) -> tuple[Frame, ...]:
    found = filter(None, map(_FRAME.match, printed))
    return tuple(
        Frame(one["function"], one["file"], int(one["line"]) or None, one["file"]) for one in found
    )


def _lost(seen: calls.Seen) -> list[str]:
    """Of what is held, what has no stack of Python, and why."""
    held = seen.joined.held
    said = []
    for word, why in (
        (
            pauses.NOT_READ,
            "it would have been held for more than half of the time; chance decided which were read",
        ),
        (pauses.FAILED, "py-spy could not read the interpreter there"),
        (
            pauses.NO_PYTHON,
            "a thread asked that runs no Python: --engine strace names its functions",
        ),
    ):
        if count := sum(one.frames == (word,) for one in held):
            said.append(f"{count} of the {len(held)} that are held have no stack: {why}")
    return said


def _doubts(stacks: tuple[Stack, ...], pattern: Pattern | None) -> list[str]:
    if pattern not in (None, Pattern.HEAP, Pattern.ANONYMOUS):
        return []
    pools = [
        one
        for one in stacks[:1]
        if one.of is Of.MAPPING and one.bytes in {one.count * size for size in _POOLS}
    ]
    if not pools:
        return []
    return [
        "mappings of this size may be pools that Python's own allocator asked for: who came when the pool was "
        "empty is seldom who leaks; --engine memray follows each block"
    ]
