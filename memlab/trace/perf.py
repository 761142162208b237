"""perf record -e page-faults: who touched each page first, nearly free. Not who asked for it.

The kernel tells each fault with its address; those whose page is mapped no more are left out.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress

from memlab.errors import Denied, Gone, MemlabError, Unsupported
from memlab.model.memory import Pattern
from memlab.model.stacks import Frame, Growth, Of, Stacks, summed
from memlab.procfs import maps, statm
from memlab.procfs.host import Host
from memlab.trace import attach, leash, stack_owner
from memlab.trace.lines import Lines, Place
from memlab.trace.spool import folder
from memlab.trace.told import cut
from memlab.trace.watch import Watch
from memlab.units import MIB, PAGE_BYTES, counted, format_bytes

NAME = "perf"
PACKAGE = "linux-perf"
COST = "each first touch of a page is written down with a copy of its stack; the rest of it runs at its own speed"
DATA_BYTES = 128 * MIB
_STACK_BYTES = (
    16_384  # of the stack, copied at each fault, so that it can be walked without frame pointers
)
_GRACE_SECONDS, _SCRIPT_SECONDS = 20.0, 120.0
_PARANOID = "/proc/sys/kernel/perf_event_paranoid"
_HEAD = re.compile(r"^\s*\d+ +[\d.]+: +\S*page-faults\S*: +([0-9a-f]+)")
_FRAME = re.compile(r"^\s+([0-9a-f]+) (.*?)(?:\+0x[0-9a-f]+)? \((.*)\)$")


def why_not(pid: int) -> None:
    """Raise what keeps it from attaching: perf itself, its sysctl, rights."""
    attach.program(NAME, PACKAGE)
    attach.check(pid)
    level = -1
    with suppress(MemlabError, ValueError):
        level = int(Host().read(_PARANOID))
    if level > 2 and os.geteuid() != 0:
        raise Denied(
            f"the kernel lets only root count events (kernel.perf_event_paranoid is {level})",
            "run as root, or: sudo sysctl kernel.perf_event_paranoid=2",
        )


def trace(pid: int, watch: Watch, pattern: Pattern | None = None) -> Stacks:
    """Attach, watch, let go, and say who touched what is still there. Raises as `why_not`."""
    why_not(pid)
    host = Host()
    with tempfile.TemporaryDirectory(prefix="memlab-trace-", dir=folder()) as name:
        data = os.path.join(name, "data")
        before, watched, early = _record(pid, watch, data)
        try:
            now, mapped = statm.read(host, pid).resident, maps.read(host, pid)
        except MemlabError:
            raise Gone(f"process {pid} ended while it was traced") from None
        faults, told = _faults(data)
    starts = [one.start for one in mapped]
    alive = []
    for address, places in faults:
        at = bisect_right(starts, address) - 1
        if at >= 0 and address < mapped[at].end:
            alive.append((address, places))
    owners = stack_owner.owners(pid, [address for address, _ in alive], mapped)
    lines = Lines(pid)
    lines.learn([*owners.values(), *(place for _, places in alive for place in places)])
    stacks = summed(
        (_frames(lines, places, owners.get(address)), Of.PAGE, PAGE_BYTES, None)
        for address, places in alive
    )
    lost = [*([early] if early else []), *told, *cut(stacks)]
    if len(alive) < len(faults):
        lost.append(f"{counted(len(faults) - len(alive), 'page')} were unmapped again: left out")
    return Stacks(
        NAME,
        attach.version(NAME),
        pid,
        watched,
        stacks,
        tuple(lost),
        ("it names who touched a page first, which need not be who asked for it", *lines.doubts()),
        growth=Growth(now - before, "statm resident (VmRSS)", of=(Of.PAGE,)),
    )


def _frames(lines: Lines, places: tuple[Place, ...], owner: Place | None) -> tuple[Frame, ...]:
    """Who touched the page; of the main stack, without what was called by the function whose frame it lies in."""
    frames = lines.frames(places)
    if owner is None:
        return frames
    its = lines.frames((owner,))
    names = [frame.function for frame in frames]
    return frames[names.index(its[-1].function) :] if its[-1].function in names else its


def _record(pid: int, watch: Watch, data: str) -> tuple[int, float, str | None]:
    """(resident bytes when it began, seconds, why it was not all of its time)."""
    command = ["perf", "record", "-q", "-e", "page-faults", "-c", "1", "-d", "-p", str(pid)]
    command += [
        "--call-graph",
        f"dwarf,{_STACK_BYTES}",
        "--max-size",
        f"{DATA_BYTES // MIB}M",
        "-o",
        data,
    ]
    if os.geteuid() == 0:  # others may lock half a MiB only (perf_event_mlock_kb), and lose more
        command += ["-m", "8M"]
    control, ours = os.pipe()
    theirs, said = os.pipe()
    command += ["-D", "-1", "--control", f"fd:{control},{said}"]
    with subprocess.Popen(
        leash.argv(watch.seconds + 2 * _GRACE_SECONDS, command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        pass_fds=(control, said),
        start_new_session=True,
    ) as process:
        os.close(control)
        os.close(said)
        try:
            with suppress(BrokenPipeError):
                os.write(ours, b"enable\n")
            if not os.read(theirs, 16):  # it ends without an answer
                raise _refused(process)

            def ended() -> str | None:
                if process.poll() is None:
                    return None
                return f"its data had {format_bytes(DATA_BYTES)}, or the process ended"

            before = statm.read(Host(), pid).resident
            return before, *watch.wait(ended)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired, ValueError):
                process.communicate(timeout=_GRACE_SECONDS)
            os.close(
                ours
            )  # not before: it is killed by the loss of them, and leaves no end in its data
            os.close(theirs)


def _refused(process: subprocess.Popen[str]) -> MemlabError:
    _, said = process.communicate(timeout=_GRACE_SECONDS)
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it says nothing"]
    return Unsupported("perf cannot record page faults here", lines[0])


_Fault = tuple[int, tuple[Place, ...]]


def _faults(data: str) -> tuple[list[_Fault], list[str]]:
    """(address, innermost first) of each; what perf says was lost."""
    done = subprocess.run(
        ["perf", "script", "-i", data, "--no-inline", "-F", "tid,time,event,addr,ip,sym,symoff,dso"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        timeout=_SCRIPT_SECONDS, check=False,
    )  # fmt: skip
    found = list(read(done.stdout.splitlines()))
    chunks = re.search(r"lost (\d+) chunks|LOST (\d+)", done.stderr)
    return found, [
        f"perf itself lost {chunks[1] or chunks[2]} pieces of its record"
    ] if chunks else []


def read(lines: list[str]) -> Iterator[_Fault]:
    """What perf script prints: a line for each fault, then its frames."""
    address, places = None, list[Place]()
    for line in [*lines, ""]:
        if (head := _HEAD.match(line)) is not None:
            address, places = int(head[1], 16), []
        elif (frame := _FRAME.match(line)) is not None:
            offset, function, module = int(frame[1], 16), frame[2], frame[3]
            if module.startswith("/"):
                places.append(Place(module, offset, "" if function == "[unknown]" else function))
        elif not line.strip() and address is not None:
            yield address, tuple(places)
            address = None
