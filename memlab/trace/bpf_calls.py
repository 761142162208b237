"""What a process asked the kernel for by system calls and did not give back, without stopping it.

The calls are noted in the kernel, with the user's stack; what they come to is counted as strace's log is. Names of
files, and what is sent or written, are not read: descriptors have none, and tmpfs is for strace.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from typing import TextIO

from memlab.errors import MemlabError, Unsupported
from memlab.model.memory import Pattern
from memlab.model.stacks import Stacks
from memlab.procfs import maps
from memlab.procfs.host import Host
from memlab.trace import attach, bpf_output, bpf_run, bpf_script, calls, standing, syscalls, told
from memlab.trace.lines import Lines
from memlab.trace.strace import doubts_on_brk, frames_of, misleading, places
from memlab.trace.walk import Space
from memlab.trace.watch import Watch
from memlab.units import MIB

COST = (
    "it is not stopped; each system call of it runs some 1 us longer, those that are followed some 3 us, and each "
    f"of others some 0.5 us. The kernel lends {bpf_script.kernel_bytes() // MIB} MiB for tables"
)
_MESSAGES = frozenset(("sendmsg", "recvmsg", "writev", "write", "pwrite64", "rename", "renameat"))
# what has to be known by more than numbers
_NOT_READ = frozenset("mh")
# heap and the like are for whom follows each block
BLOCKS = frozenset((None, Pattern.HEAP, Pattern.ARENA, Pattern.ANONYMOUS))
_NEVER = frozenset((Pattern.TMPFS, Pattern.MAIN_STACK))


def why_not(pattern: Pattern | None) -> None:
    """Raise Unsupported where the kernel has no tracepoints or types for it, or the pattern is no matter of calls."""
    if pattern in _NEVER:
        other = "perf" if pattern is Pattern.MAIN_STACK else "strace"
        raise Unsupported(f"bpftrace does not follow {pattern}", f"--engine {other} does")
    bpf_run.check_btf()
    bpf_run.tracepoints(bpf_script.CALLS_NEED)


def trace(pid: int, watch: Watch, pattern: Pattern | None) -> Stacks:
    """Attach, watch, let go, and say what is held by which stack. Raises as `why_not`."""
    tracer = _Tracer(pattern)
    seen = calls.watched(pid, watch, lambda log: tracer)
    lines = Lines(pid)
    lines.learn(places(seen))
    stacks = seen.stacks(lambda printed: frames_of(lines, printed))
    return Stacks(
        bpf_run.NAME,
        attach.version(bpf_run.NAME),
        pid,
        seen.seconds,
        stacks,
        tuple(seen.lost + told.cut_copy(stacks, bpf_script.WINDOW * bpf_script.WINDOWS)),
        tuple(
            lines.doubts() + doubts_on_brk(seen.account, lines) + seen.doubts() + misleading(stacks)
        ),
        growth=seen.growth(stacks),
    )


class _Tracer:
    """Runs bpftrace, and writes what it noted as strace would."""

    def __init__(self, pattern: Pattern | None) -> None:
        wanted = {*calls.of(pattern), "brk"} - _MESSAGES
        self.looks: list[standing.Standing] = []
        self._forms = {
            number: form
            for number, form in syscalls.table("x86_64").items()
            if form.name in wanted and not _NOT_READ & set(form.arguments)
        }

    def run(self, pid: int, watch: Watch, log: TextIO) -> tuple[float, list[str]]:
        """(for how many seconds, what went wrong); the log is sorted by time, from the first of `looks` to the last."""
        forms = self._forms
        takes = [number for number, form in forms.items() if form.takes]
        pairs = {
            number: form.arguments.index("v")
            for number, form in forms.items()
            if "v" in form.arguments
        }
        script = bpf_script.calls(pid, takes, [one for one in forms if one not in takes], pairs)

        def look() -> int:
            self.looks.append(standing.look(pid, Host()))
            return 0

        run = bpf_run.Run(script, pid, watch, look)
        wall = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
        try:
            space = Space(pid, maps.read(Host(), pid))
        except MemlabError:
            return run.seconds, run.lost  # it has ended, as the look after this will find
        for line in _written(run, forms, space, wall):
            log.write(line + "\n")
        log.flush()
        taken, dropped = run.said.number(0), run.said.number(1)
        return run.seconds, run.lost + told.full(taken, dropped, "call", bpf_script.KEYS)


def _written(
    run: bpf_run.Run, forms: dict[int, syscalls.Form], space: Space, wall: float
) -> Iterator[str]:
    said = run.said
    asked, pairs = said.maps.get("asked", {}), said.maps.get("pair", {})
    noted = {_time_and_thread(one.key): one for one in bpf_output.blocks(said)}
    for (when, tid), one in sorted(noted.items(), key=lambda item: item[0]):
        if not run.began_at <= when / 1e9 <= run.ended_at:
            continue
        form = forms.get(one.second)
        if form is None:
            continue
        words = [int(word) & (1 << 64) - 1 for word in asked.get(one.key, ())]
        text = call(form, words, one.bytes, pairs.get(one.key))
        yield f"{tid} {when / 1e9 + wall:.6f} {text}"
        if form.takes:
            yield from (f" > {place.module}() [{place.offset:#x}]" for place in space.walk(one.top))


def _time_and_thread(key: str) -> tuple[int, int]:
    """Of a key as printed: nanoseconds, and the thread's number."""
    when, _, tid = key.partition(",")
    return int(when), int(tid)


def call(form: syscalls.Form, words: list[int], value: int, pair: int | None) -> str:
    """`mmap(0x0, 4096, 0x3, 0x22, 4294967295, 0x0) = 0x7f…`, as strace writes it."""
    if form.arguments[:1] in ("c", "k"):
        text = syscalls.cloned(*([*words[:2], 0] if form.arguments == "c" else words[:3]))
    else:
        shown = [
            str(list(struct.unpack("<ii", struct.pack("<Q", (pair or 0) & (1 << 64) - 1))))
            if letter == "v"
            else syscalls.plain(letter, word)
            for letter, word in zip(form.arguments, words, strict=False)
        ]
        text = ", ".join(shown)
    return f"{form.name}({text}) = {value if value < 1 << 31 else hex(value)}"
