"""What to type next about a process: a tracer of system calls, or a finder that knows its language."""

from __future__ import annotations

import re

from memlab.diagnose.narrowed import copied
from memlab.model.memory import Pattern
from memlab.model.recording import Recording

# the interpreter itself, or its library in a program that embeds it
_CPYTHON = re.compile(r"/(?:lib)?python3[\d.]*[a-z]*(?:\.so[\d.]*)?(?: \(deleted\))?$")
# what Python objects live in: small ones in arenas of pymalloc, larger ones where malloc puts them (Objects/obmalloc.c)
_OF_OBJECTS = (Pattern.HEAP, Pattern.ARENA, Pattern.ANONYMOUS)
# it returns at once and goes on in the target: the report has to wait
_MEMRAY = (
    "memray attach --trace-python-allocators --duration 60 -o leak.bin {pid}; sleep 65;"
    " memray flamegraph --leaks leak.bin"
)


def trace(calls: str) -> str:
    """strace of these calls with their callers, in a file that `memlab diagnose` reads, with times; {pid} is left."""
    return f"strace -f -ttt -k -e trace={calls} -o calls.strace -p {{pid}}"


def is_cpython(recording: Recording) -> bool:
    """Whether the interpreter's code is mapped; False where no mappings were read."""
    looks = copied(recording)
    if not looks:
        return False
    mapped = looks[-1].smaps
    return any(
        "x" in perms and _CPYTHON.search(name)
        for perms, name in zip(mapped.perms, mapped.names, strict=True)
    )


def for_python(recording: Recording, pattern: Pattern | None) -> str | None:
    """The finder that names lines of Python, {pid} left to be filled in; None where it is no memory of Python's."""
    return _MEMRAY if pattern in _OF_OBJECTS and is_cpython(recording) else None


def python_evidence(recording: Recording) -> str:
    """What the finder needs, and what there is without it."""
    pid = recording.header.pid or "PID"
    return (
        "it is a CPython: memray names the line that allocates, where memray is installed in that Python and gdb on its"
        f" machine; without: py-spy dump --pid {pid} shows what it is at, and a start with PYTHONTRACEMALLOC=12 keeps"
        " the lines for tracemalloc.take_snapshot()"
    )
