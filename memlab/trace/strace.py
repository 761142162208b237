"""strace -f -k: who asked the kernel for what is still there. Never for brk alone.

Each call that takes or gives back is written down with its stack; what was taken and not given back is
held against the kernel's own files after strace has let go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TextIO

from memlab.model.memory import Pattern
from memlab.model.stacks import Frame, Stack, Stacks
from memlab.trace import attach, calls, spool
from memlab.trace.held import Account
from memlab.trace.lines import Lines, Place
from memlab.trace.told import cut
from memlab.trace.tracer import Tracer
from memlab.trace.watch import Watch
from memlab.units import counted, format_bytes

NAME = "strace"
PACKAGE = "strace"
COST = (
    "each system call of it stops twice, and those that take memory are held while their stack is read: "
    "up to 350 times slower where it does little else"
)
_UNABLE = (("invalid option", "not supported"), "this strace cannot print stacks (-k)")
_FRAME = re.compile(
    r"^(?P<module>.*)\((?P<function>[^()]*?(?:\([^()]*\)[^()]*?)*)(?:\+0x[0-9a-f]+)?\) \[(?P<at>0x[0-9a-f]+)\]"
)


def why_not(pid: int) -> None:
    """Raise what keeps it from attaching; see `attach.check`."""
    attach.program(NAME, PACKAGE)
    attach.check(pid)


def trace(pid: int, watch: Watch, pattern: Pattern | None = None) -> Stacks:
    """Attach, watch, let go, and say what is held by which stack.

    Raises as `attach.check`; Unsupported where strace is missing. Ends early when the log has LOG_BYTES or strace
    ends: `lost` says so.
    """
    why_not(pid)
    program = attach.program(NAME, PACKAGE)
    # `?`: where there is such a call
    names = ",".join(f"?{name}" for name in sorted({*calls.of(pattern), "brk"}))

    def tracer(log: TextIO) -> Tracer:
        command = [program, "-f", "-k", "-y", "-ttt", "-s", "4", "-o", spool.path_of(log)]
        # -s is the length of arrays as well: a pair of descriptors must be whole
        command += ["-e", "signal=none", "-e", f"trace={names}", "-p", str(pid)]
        return Tracer(NAME, command, _UNABLE)

    seen = calls.watched(pid, watch, tracer)
    account = seen.account
    lines = Lines(pid)
    lines.learn(places(seen))
    stacks = seen.stacks(lambda printed: frames_of(lines, printed))
    return Stacks(
        NAME,
        attach.version(program),
        pid,
        seen.seconds,
        stacks,
        tuple(seen.lost + _lost(account) + cut(stacks)),
        tuple(lines.doubts() + doubts_on_brk(account, lines) + seen.doubts() + misleading(stacks)),
        growth=seen.growth(stacks),
    )


def places(seen: calls.Seen) -> Iterator[Place]:
    """Of all stacks that will be shown."""
    every = {*(one.frames for one in seen.joined.held), *seen.account.brk_stacks}
    return filter(None, (place(line) for stack in every for line in stack))


def frames_of(lines: Lines, printed: tuple[str, ...]) -> tuple[Frame, ...]:
    """Of lines as strace -k prints them, which `lines` has learnt."""
    return lines.frames(tuple(filter(None, map(place, printed))))


def place(line: str) -> Place | None:
    """`/usr/lib/libc.so.6(__mmap+0x13) [0x1019b3]`."""
    found = _FRAME.match(line)
    if found is None:
        return None
    return Place(found["module"], int(found["at"], 16), found["function"])


def _lost(account: Account) -> list[str]:
    said = []
    without = account.without_stack
    if without and (share := sum(without.values())) * 10 > account.calls:
        said.append(
            f"{share} of {counted(account.calls, 'call')} have no stack: strace could not walk it (a static "
            "program, or no unwind tables)"
        )
    return said


def doubts_on_brk(account: Account, lines: Lines) -> list[str]:
    """Whom brk accuses, and that it is seldom who leaks."""
    said = []
    if account.brk is not None and account.brk[1] > account.brk[0]:
        moved = format_bytes(account.brk[1] - account.brk[0])
        stack, size = account.brk_stacks.most_common(1)[0]
        share = size / sum(account.brk_stacks.values())
        site = next(
            (one for one in frames_of(lines, stack) if not one.is_runtime),
            "a stack that was not read",
        )
        said.append(
            f"brk moved the end of [heap] up by {moved} in {counted(account.brk_moves, 'call')}, {share:.0%} of it for "
            f"{site}; that accuses who asked when the heap was full, which is seldom who leaks, so no stack here is "
            "charged with it: --engine heaptrack follows each block"
        )
    return said


# who asks the kernel for a pool from which many are served
_POOLS = frozenset(
    ("_PyObject_ArenaMmap", "_PyMem_ArenaAlloc", "new_arena", "new_heap", "alloc_new_heap")
)
_POOL_MODULE = re.compile(r"/lib(?:jemalloc|tcmalloc|mimalloc)[^/]*$")


def misleading(stacks: tuple[Stack, ...]) -> list[str]:
    """Stacks that are true and still accuse the wrong one."""
    said = []
    frames = [frame for stack in stacks for frame in stack.frames]
    if any(f.function in _POOLS or _POOL_MODULE.search(f.module) for f in frames):
        said.append(
            "some stacks are of an allocator that asked for its next pool: who came when the pool was empty is seldom "
            "who leaks; --engine memray (Python) or heaptrack (C, C++) follow each block"
        )
    if any(frame.function.startswith("_PyEval_EvalFrame") for frame in frames):
        said.append(
            "it is a Python program, and strace sees its C frames only: --engine memray names lines of Python"
        )
    return said
