"""memray, attached: what Python code took and did not free, by the line of Python that asked.

Its own `memray attach` puts it into the process by gdb (by the interpreter itself from Python 3.14 on), which
needs memray in the environment of the process; `memray detach` ends it, and should we be killed, a time that
it was given.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memlab.errors import Gone, MemlabError, Unsupported
from memlab.model.memory import Pattern
from memlab.model.stacks import Frame, Growth, Of, Stack, Stacks
from memlab.procfs import limits, smaps_rollup, status
from memlab.procfs.host import Host
from memlab.trace import attach, bounded
from memlab.trace.spool import folder
from memlab.trace.watch import Watch
from memlab.units import format_bytes

NAME = "memray"
COST = (
    "gdb stops it for a second, twice, and makes it import memray, which stays imported; in between Python code that "
    "allocates takes 1.5 to 6.5 times as long, and memray's tables are some MiB of its memory"
)
_COMMAND_SECONDS, _ATTACH_SECONDS = 120.0, 30.0
# for a memlab that is killed: then memray ends by itself, so much later than it would have
_SPARE_SECONDS = 60.0
_MOST_STACKS = 1000
_PROBE = "import memray, sys; print(memray.__version__, hasattr(sys, 'remote_exec'))"
_READ = """
import json, sys
from memray import FileReader
records = FileReader(sys.argv[1]).get_leaked_allocation_records(merge_threads=True)
for record in sorted(records, key=lambda one: -one.size)[:int(sys.argv[2])]:
    print(json.dumps([record.size, record.n_allocations, record.stack_trace(max_stacks=100)]))
"""


@dataclass(frozen=True)
class _Python:
    """The interpreter of a process as it was started, options included, and who it belongs to."""

    argv: tuple[str, ...]
    version: str
    needs_gdb: bool
    uid: int
    gid: int

    def run(
        self, *words: str, seconds: float = _COMMAND_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """As its own user: what is installed there is no code that root should run for somebody else."""
        return _run((*self.argv, *words), self.uid, self.gid, seconds)


def why_not(pid: int) -> None:
    """Raise what keeps it from attaching: rights, no CPython, or none with memray."""
    attach.check(pid)
    if _python(pid, Host()).needs_gdb:
        attach.program("gdb", "gdb")


def _python(pid: int, host: Host) -> _Python:
    exe = host.readlink(f"/proc/{pid}/exe")
    if not Path(exe).name.startswith("python"):
        raise Unsupported(f"process {pid} is no CPython ({Path(exe).name})", "memray is for Python")
    words = [
        word.decode(errors="replace") for word in host.read(f"/proc/{pid}/cmdline").split(b"\0")
    ]
    owner = status.read(host, pid)
    # how it was called decides on its packages: a virtual environment's python is a link to another
    called = _called(pid, words[0], host)
    program = called if called and os.path.realpath(called) == exe else exe
    argv = (program, *_options(words[1:]))
    done = _run((*argv, "-c", _PROBE), owner.uid[1], owner.gid[1], 30)
    if done.returncode:
        flags = " ".join(argv[1:])
        raise Unsupported(
            f"the Python of process {pid} has no memray"
            + (f" (started with {flags})" if flags else ""),
            (f"start it without {flags}, after " if flags else "")
            + f"{program} -m pip install memray",
        )
    version, remote = done.stdout.split()
    return _Python(argv, version, remote != "True", owner.uid[1], owner.gid[1])


def _called(pid: int, word: str, host: Host) -> str | None:
    """Its first word as a program: in its own working folder, or on its own PATH as that was when it was started."""
    if "/" in word:
        return shutil.which(os.path.join(host.readlink(f"/proc/{pid}/cwd"), word))
    started = host.read(f"/proc/{pid}/environ").split(b"\0")
    path = next((line[5:] for line in started if line.startswith(b"PATH=")), b"")
    return shutil.which(word, path=os.fsdecode(path)) if path else None


def _options(words: Sequence[str]) -> list[str]:
    """Those before the program that decide where packages are looked for: -S, -s, -E, -I, alone or together."""
    found = []
    for word in words:
        if not word.startswith("-") or word in ("-c", "-m", "-"):
            break
        found += [
            f"-{letter}" for letter in word[1:] if letter in "SsEI" and not word.startswith("--")
        ]
        if word in ("-X", "-W"):
            break
    return found


def _run(
    argv: Sequence[str], uid: int, gid: int, seconds: float
) -> subprocess.CompletedProcess[str]:
    """Status LATE where it took longer; gdb then lets go in order (`bounded`), also should we be killed."""
    other = os.geteuid() == 0 and uid != 0
    who: dict[str, Any] = {"user": uid, "group": gid, "extra_groups": []} if other else {}
    theirs, ours = os.pipe()  # the end of ours tells it that we are no more
    try:
        return subprocess.run(
            (sys.executable, "-I", "-S", bounded.__file__, str(seconds), *argv),
            stdin=theirs, capture_output=True, text=True, errors="replace",
            check=False, cwd="/", start_new_session=True, **who,
        )  # fmt: skip
    finally:
        os.close(theirs)
        os.close(ours)


def trace(pid: int, watch: Watch, pattern: Pattern | None = None) -> Stacks:
    """Attach, watch, let go, and say what is held by which line of Python. Raises as `why_not`."""
    why_not(pid)
    host = Host()
    python = _python(pid, host)
    with tempfile.TemporaryDirectory(prefix="memlab-trace-", dir=folder()) as name:
        os.chown(name, python.uid, python.gid)
        file = os.path.join(name, "run")
        _attach(pid, python, file, watch.seconds)
        try:
            before = _anonymous(pid, host)
            watched, early = watch.wait(
                lambda: None if os.path.exists(f"/proc/{pid}") else "it ended"
            )
            now = _anonymous(pid, host)
        finally:
            done = python.run("-m", "memray", "detach", str(pid))
        if not os.path.exists(f"/proc/{pid}"):
            raise Gone(f"process {pid} ended while it was traced")
        lost = [early] if early else []
        if done.returncode:
            lost.append(f"memray could not be told to end, and ends by itself: {_last(done)}")
        stacks = _read(python, file, limits.read(host, pid).soft.get("address_space"))
    growth = None
    if before is not None and now is not None:
        growth = Growth(now - before, "smaps_rollup Anonymous + Swap", of=(Of.BLOCK,))
    return Stacks(
        NAME,
        python.version,
        pid,
        watched,
        stacks,
        tuple(lost + _lost(stacks)),
        ("memray itself allocates in the process, and no stack has that",),
        growth=growth,
    )


def _attach(pid: int, python: _Python, file: str, seconds: float) -> None:
    limit = str(round(seconds + _SPARE_SECONDS))
    # aggregated: its file is written at the end, and small; pymalloc's blocks too, for most of Python is these
    words = ("--aggregate", "--trace-python-allocators", "--no-compress", "--duration", limit)
    done = python.run(
        "-m", "memray", "attach", *words, "-o", file, str(pid), seconds=_ATTACH_SECONDS
    )
    if done.returncode == bounded.LATE:
        raise Unsupported(
            f"memray waited {_ATTACH_SECONDS:.0f} s for process {pid} to run a line of Python, and let go",
            "trace it while it works",
        )
    if done.returncode:
        raise Unsupported(f"memray could not attach to process {pid}", _last(done))


def _read(python: _Python, file: str, room: int | None) -> tuple[Stack, ...]:
    """room: bytes of address space that the process may have; None without a limit."""
    done = python.run("-c", _READ, file, str(_MOST_STACKS))
    if done.returncode and room is not None:
        # its file is written through a mapping; measured: 312 MiB with its threads' arenas (glibc 2.36, memray 1.20)
        raise Unsupported(
            f"memray could not write its file: it takes some 300 MiB of address space, and of {format_bytes(room)} "
            "that the process may have (RLIMIT_AS) too little was left",
            "prlimit --pid PID --as=unlimited, or another --engine",
        )
    if done.returncode:
        raise Unsupported("memray cannot read what it wrote", _last(done))
    stacks = []
    for line in done.stdout.splitlines():
        size, count, frames = json.loads(line)
        named = tuple(
            Frame(function, path, number or None, path) for function, path, number in frames
        )
        stacks.append(Stack(size, count, named, Of.BLOCK))
    return tuple(stacks)


def _anonymous(pid: int, host: Host) -> int | None:
    with suppress(MemlabError):
        said = smaps_rollup.read(host, pid)
        return said.sizes.get("anonymous", 0) + said.sizes.get("swap", 0)
    return None


def _lost(stacks: Sequence[Stack]) -> list[str]:
    said = []
    total = sum(stack.bytes for stack in stacks)
    without = sum(stack.bytes for stack in stacks if not stack.frames)
    if without * 10 > total:
        said.append(
            f"{without / total:.0%} of the bytes have no line of Python: taken by threads that run none"
        )
    if len(stacks) == _MOST_STACKS:
        said.append(f"only the {_MOST_STACKS} biggest stacks were read")
    return said


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"
