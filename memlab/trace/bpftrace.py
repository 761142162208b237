"""bpftrace: programs in the kernel that see each block of malloc, or what the kernel itself takes for a process.

Nothing is put into the process and nobody traces it: so it works beside a debugger, on static programs, on any C
library, and in containers. Root only. What is followed depends on the pattern: `kernel` is of `bpf_kernel`, what is
mapped or opened of `bpf_calls`, and the rest is malloc.
"""

from __future__ import annotations

from collections.abc import Iterable

from memlab.errors import Gone, MemlabError, Unsupported
from memlab.model.memory import Pattern
from memlab.model.stacks import Growth, Of, Stack, Stacks, summed
from memlab.procfs import maps, smaps_rollup
from memlab.procfs.host import Host
from memlab.procfs.maps import Mapping
from memlab.trace import attach, bpf_calls, bpf_kernel, bpf_output, bpf_run, bpf_script, elf, told
from memlab.trace.lines import Lines
from memlab.trace.walk import Space, link
from memlab.trace.watch import Watch
from memlab.units import MIB

NAME = bpf_run.NAME
COST = (
    "it is not stopped and nothing is put into it, but each malloc and free traps into the kernel, 3 to 25 us for "
    "the pair (the more in a virtual machine), and so do those of every other process that maps the same C library; "
    f"beyond {bpf_run.MOST_CALLS:,} calls a second it lets go. The kernel lends "
    f"{bpf_script.kernel_bytes() // MIB} MiB for tables, and the start takes a second or two of a core"
)
_WINDOW = bpf_script.WINDOW * bpf_script.WINDOWS


def why_not(pid: int, pattern: Pattern | None = None) -> None:
    """Raise what keeps it from following that: rights, bpftrace, what the kernel lacks, a malloc without a name."""
    attach.running(pid, Host())
    bpf_run.check()
    if pattern is Pattern.KERNEL:
        bpf_kernel.why_not()
    elif pattern not in bpf_calls.BLOCKS:
        bpf_calls.why_not(pattern)
    else:
        bpf_run.check_uprobes()
        _modules(pid, maps.read(Host(), pid))


def cost(pattern: Pattern | None) -> str:
    """What it does to the process and others."""
    if pattern is Pattern.KERNEL:
        return bpf_kernel.COST
    return COST if pattern in bpf_calls.BLOCKS else bpf_calls.COST


def trace(pid: int, watch: Watch, pattern: Pattern | None = None) -> Stacks:
    """Attach, watch, let go, and say what is held by which stack. Raises as `why_not`."""
    why_not(pid, pattern)
    if pattern is Pattern.KERNEL:
        return bpf_kernel.trace(pid, watch)
    return heap(pid, watch) if pattern in bpf_calls.BLOCKS else bpf_calls.trace(pid, watch, pattern)


def heap(pid: int, watch: Watch) -> Stacks:
    """Which blocks of malloc are held by which stack."""
    host = Host()
    modules = _modules(pid, maps.read(host, pid))

    def anonymous() -> int:
        now = smaps_rollup.read(host, pid)
        return now["anonymous"] + now["swap"]

    run = bpf_run.Run(bpf_script.heap(pid, modules), pid, watch, anonymous)
    blocks = run.blocks()
    stacks, lines = named(pid, ((one, Of.BLOCK) for one in blocks), run.ended_at)
    growth = Growth(run.growth, "smaps_rollup Anonymous + Swap", of=(Of.BLOCK,))
    taken, dropped, others = (run.said.number(key) for key in range(3))
    return Stacks(
        NAME,
        attach.version(NAME),
        pid,
        run.seconds,
        stacks,
        tuple(
            run.lost
            + told.full(taken, dropped, "block", bpf_script.KEYS)
            + told.nameless(stacks)
            + told.cut_copy(stacks, _WINDOW)
        ),
        tuple(told.of_blocks(NAME, stacks, taken, growth) + lines.doubts()),
        tuple(_others(others)),
        growth=growth,
    )


def named(
    pid: int, held: Iterable[tuple[bpf_output.Block, Of]], ended_at: float
) -> tuple[tuple[Stack, ...], Lines]:
    """Stacks by their frames, biggest first. Gone where the process has ended."""
    try:
        space = Space(pid, maps.read(Host(), pid))
    except MemlabError:
        raise Gone(f"process {pid} ended while it was traced") from None
    walked = [(space.walk(one.top), of, one) for one, of in held]
    lines = Lines(pid)
    lines.learn({place for places, _, _ in walked for place in places})
    stacks = summed(
        (lines.frames(places), of, one.bytes, max(0.0, ended_at - one.when))
        for places, of, one in walked
    )
    return stacks, lines


def _modules(pid: int, mappings: Iterable[Mapping]) -> list[tuple[str, frozenset[str]]]:
    """Files that have a malloc of their own, by a path that leads to what is mapped, with their functions of it."""
    found, seen = [], set[tuple[str, int]]()
    for one in mappings:
        if "x" not in one.perms or not one.name.startswith("/"):
            continue
        if (one.device, one.inode) in seen:
            continue
        seen.add((one.device, one.inode))
        try:
            names = elf.defines(path := link(pid, one), bpf_script.FUNCTIONS)
        except OSError:
            continue
        if "malloc" in names:
            found.append((path, names))
    if not found:
        raise Unsupported(
            f"process {pid} has no malloc with a name (static and stripped, or with an allocator of its own)",
            "build it without -s; --engine strace names who asks the kernel",
        )
    return found


def _others(hits: int) -> list[str]:
    if not hits:
        return []
    return [
        f"other processes called the same malloc {hits:,} times meanwhile, and each paid for it: this bpftrace does "
        "not leave them out"
    ]
