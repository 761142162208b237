"""heaptrack, attached: each block of malloc that is taken and not freed, by function and line.

Its library is put into the process by gdb, records while we watch, and stops; it stays loaded, idle. What it
recorded is read from its own file (`heaptrack_file`), so that bytes are exact and blocks have an age.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, TextIO, cast

from memlab.errors import Gone, Unsupported
from memlab.model.memory import Pattern
from memlab.model.stacks import Growth, Of, Stacks, summed
from memlab.procfs import status
from memlab.procfs.host import Host
from memlab.trace import attach, elf, told
from memlab.trace.heaptrack_file import FORMATS, Names, read_blocks, read_names
from memlab.trace.spool import folder
from memlab.trace.watch import Watch
from memlab.units import MIB, format_bytes

NAME = "heaptrack"
PACKAGE = "heaptrack"
COST = (
    "gdb stops it for a second or two, twice, and makes it load a library, which heaptrack itself calls unstable: it "
    "may crash; in between each malloc and free takes 12 to 20 times as long. The library stays loaded, idle"
)
FILE_BYTES = 256 * MIB
_ATTACH_SECONDS, _INTERPRET_SECONDS = 60.0, 120.0
_GUARD = str(Path(__file__).with_name("guard.py"))


def why_not(pid: int) -> None:
    """Raise what keeps it from attaching: tools, rights, or a process that it cannot follow."""
    _tools()
    attach.program("gdb", "gdb")
    attach.check(pid)
    _fits(pid, Host())


def _tools() -> tuple[str, str]:
    """(its library, its interpreter of what was recorded)."""
    program = Path(attach.program(NAME, PACKAGE)).resolve()
    base = program.parent.parent / "lib" / "heaptrack"
    library, interpreter = base / "libheaptrack_inject.so", base / "libexec" / "heaptrack_interpret"
    for one in (library, interpreter):
        if not one.exists():
            raise Unsupported(
                f"heaptrack's {one.name} is not at {one}", f"apt-get install {PACKAGE}"
            )
    return str(library), str(interpreter)


def _fits(pid: int, host: Host) -> None:
    exe = f"/proc/{pid}/exe"
    with suppress(OSError):
        file = elf.read(exe)
        if file is not None and file.static:
            raise Unsupported(
                f"process {pid} is a static program, whose malloc no library can be put in front of",
                "link it dynamically, or run it under valgrind",
            )
    attach.check_glibc(pid, host)


def trace(pid: int, watch: Watch, pattern: Pattern | None = None) -> Stacks:
    """Attach, watch, let go, and say which blocks are held by which stack.

    Raises as `why_not`. Ends early when the record has FILE_BYTES: `lost` says so.
    """
    library, interpreter = _tools()
    why_not(pid)
    with _Guard(pid, watch.seconds, library) as guard:
        before = guard.attached()
        watched, early = watch.wait(guard.ended)
        why, now = guard.let_go()
        if why == "gone":
            raise Gone(f"process {pid} ended while it was traced")
        blocks = read_blocks(guard.file)
        names = _interpreted(interpreter, guard.file)
    if blocks.format not in FORMATS:
        raise Unsupported(f"this heaptrack writes format {blocks.format}", "memlab reads 1 to 3")
    stacks = summed(
        (names.frames(stack), Of.BLOCK, size, (blocks.milliseconds - at) / 1000)
        for size, stack, at in blocks.held.values()
    )
    # both were read while gdb had it stopped: after it began to record, before it ended
    growth = Growth(now - before, "smaps_rollup Anonymous + Swap", of=(Of.BLOCK,))
    return Stacks(
        NAME,
        blocks.version,
        pid,
        watched,
        stacks,
        tuple(([early] if early else []) + told.nameless(stacks) + told.cut(stacks)),
        tuple(told.of_blocks(NAME, stacks, blocks.taken, growth)),
        growth=growth,
    )


class _Guard:
    """The process that attaches, and lets go when we do or are dead."""

    def __init__(self, pid: int, seconds: float, library: str) -> None:
        number, self._path = tempfile.mkstemp(prefix="memlab-trace-", dir=folder())
        self.file: TextIO = cast(TextIO, os.fdopen(number, "r", errors="replace"))
        owner = status.read(Host(), pid)
        with suppress(OSError):  # only root can, and only root needs to
            os.fchown(number, owner.uid[1], owner.gid[1])
        limit = str(seconds + 2 * _ATTACH_SECONDS)
        argv = [sys.executable, "-I", "-S", _GUARD, str(pid), self._path, limit, str(FILE_BYTES)]
        self._pid = pid
        self._process = subprocess.Popen(
            [*argv, attach.program("gdb", "gdb"), library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> _Guard:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self.file.close()
        with suppress(OSError):
            os.unlink(self._path)

    def attached(self) -> int:
        """Wait until it records; the bytes of anonymous memory then. Unsupported, with what gdb said, where not."""
        said = self._say()
        if said.startswith("in "):
            return int(said.split()[1])
        raise Unsupported(
            f"heaptrack could not be put into process {self._pid}",
            said.removeprefix("failed").strip() or "gdb said nothing",
        )

    def ended(self) -> str | None:
        """Why it let go before it was asked; None while it has not."""
        if not os.path.exists(f"/proc/{self._pid}"):
            return "the process ended"
        if os.fstat(self.file.fileno()).st_size > FILE_BYTES:
            return f"its record had {format_bytes(FILE_BYTES)}: it let go before its time was over"
        return None

    def let_go(self) -> tuple[str, int]:
        """Ask it, and wait until it has; its reason, and the bytes of anonymous memory then."""
        if self._process.returncode is not None:
            return "", 0
        pipe = cast(IO[str], self._process.stdin)
        with suppress(OSError):
            pipe.close()
        said = self._say()
        self._process.wait()
        cast(IO[str], self._process.stdout).close()
        _, why, size = said.split() if said.startswith("out ") else ("", "gone", "0")
        return why, int(size)

    def _say(self) -> str:
        return cast(IO[str], self._process.stdout).readline().strip()


def _interpreted(interpreter: str, file: TextIO) -> Names:
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    with tempfile.TemporaryFile("w+", errors="replace", dir=folder()) as out:
        done = subprocess.Popen(
            [interpreter], stdin=file.fileno(), stdout=out, stderr=subprocess.DEVNULL
        )
        try:
            done.wait(_INTERPRET_SECONDS)
        except subprocess.TimeoutExpired:
            done.send_signal(signal.SIGKILL)
            done.wait()
        out.seek(0)
        return read_names(out)
