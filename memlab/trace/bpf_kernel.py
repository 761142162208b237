"""What the kernel took for a process and did not give back: by its own functions, and the line that called it.

By tracepoints of slab and pages. Pages that become slabs, or large blocks, are counted as what they are cut into;
pages of user memory and of the page cache are none of the kernel's own, and what an interrupt takes is nobody's.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from contextlib import suppress

from memlab.errors import Gone, MemlabError
from memlab.model.stacks import KERNEL, Frame, Growth, Of, Stack, Stacks, summed
from memlab.procfs import cgroup, cgroup_memory, maps
from memlab.procfs.host import Host
from memlab.trace import attach, bpf_run, bpf_script, told
from memlab.trace.lines import Lines
from memlab.trace.walk import Space
from memlab.trace.watch import Watch
from memlab.units import MIB, counted

COST = (
    "it is not stopped; each system call of it runs some 1 us longer, and some 4 us for each thing that the kernel "
    "takes in it; those of others and each free of anybody some 0.5 us. The kernel lends "
    f"{bpf_script.kernel_bytes() // MIB} MiB for tables"
)
_LINE = re.compile(r"^\s*[0-9a-f]+ (?P<function>[^\s+]+)(?:\+(?:0x)?[0-9a-f]+)?", re.MULTILINE)
# how a system call gets in, and how a tracepoint comes out
_AROUND = re.compile(r"^(?:entry_SYSCALL|do_syscall_64$|x64_sys_call$|bpf_trace_run|__bpf_trace_)")
# by whom in its stack one sees that a page is none of the kernel's own, or no page but what it is cut into
_CUT_UP = frozenset(("allocate_slab", "new_slab", "___kmalloc_large_node", "__kmalloc_large_node"))
_OF_USERS = frozenset(("handle_mm_fault", "__get_user_pages", "populate_vma_page_range"))
_CACHE = ("filemap_", "page_cache_", "__filemap_", "__page_cache_")
_INTERRUPT = ("asm_sysvec_", "asm_common_interrupt", "asm_exc_nmi")
_OUT = {
    "cut": "",  # counted as what they are cut into
    "user": "of its own memory, not of the kernel's",
    "cache": "of the page cache, which the kernel takes back by itself",
    "interrupt": "taken in interrupts, for somebody else",
    "unseen": "taken by functions whose things the kernel also gives back without a tracepoint (in bulk, or after RCU)",
}


def why_not() -> None:
    """Raise Unsupported where the kernel has no tracepoints or types for it."""
    bpf_run.check_btf()
    bpf_run.tracepoints(bpf_script.KERNEL_NEEDS)


def trace(pid: int, watch: Watch) -> Stacks:
    """Attach, watch, let go, and say what the kernel holds for it by which stack. Raises as `why_not`."""
    host = Host()
    group = _own_group(host, pid)
    has = bpf_run.tracepoints(bpf_script.KERNEL_NEEDS, bpf_script.KERNEL_MAY)

    def kernel_bytes() -> int:
        return 0 if group is None else _kernel(host, group) or 0

    run = bpf_run.Run(bpf_script.kernel(pid, has), pid, watch, kernel_bytes)
    stacks, lines, out, without = _stacks(pid, run)
    growth = None
    if group is not None and _own_group(host, pid) == group:
        source = "kernel memory of its cgroup, where it is alone"
        growth = Growth(run.growth, source, of=(Of.OBJECT, Of.PAGE))
    taken, dropped = run.said.number(0), run.said.number(1)
    lost = run.lost + told.full(taken, dropped, "object", bpf_script.KEYS)
    if without:
        lost.append(
            f"{without} of {counted(sum(one.count for one in stacks), 'object')} have no stack of the kernel: two "
            "stacks fell on one place of bpftrace's table"
        )
    return Stacks(
        bpf_run.NAME,
        attach.version(bpf_run.NAME),
        pid,
        run.seconds,
        stacks,
        tuple(lost + _no_caller(stacks)),
        tuple(lines.doubts()),
        tuple(
            f"{number:,} pages or objects {_OUT[why]}: left out"
            for why, number in out.items()
            if _OUT[why]
        ),
        growth=growth,
    )


def _stacks(pid: int, run: bpf_run.Run) -> tuple[tuple[Stack, ...], Lines, Counter[str], int]:
    """(by whom, the lines, what was left out and why, how many without a stack of the kernel)."""
    try:
        space = Space(pid, maps.read(Host(), pid))
    except MemlabError:
        raise Gone(f"process {pid} ended while it was traced") from None
    printed, out, without = run.said.maps.get("kernel", {}), Counter[str](), 0
    # one that came to an address that was held shows that what was there had been given back unseen
    again = {names(stack) for stack in run.said.maps.get("again", {})} - {()}
    walked = []
    for one in run.blocks():
        functions = names(str(printed.get(one.key, "")))
        is_page = one.address >> 63 == 0
        why = "unseen" if functions in again else left_out(functions, is_page)
        if why is not None:
            out[why] += 1
            continue
        without += not functions
        frames = tuple(Frame(name, module=KERNEL) for name in functions)
        walked.append((frames, space.walk(one.top), Of.PAGE if is_page else Of.OBJECT, one))
    lines = Lines(pid)
    lines.learn({place for _, places, _, _ in walked for place in places})
    stacks = summed(
        (frames + lines.frames(places), of, one.bytes, max(0.0, run.ended_at - one.when))
        for frames, places, of, one in walked
    )
    return stacks, lines, out, without


def names(printed: str) -> tuple[str, ...]:
    """The functions of `kstack(perf)`, innermost first, without the way in and out."""
    found = (one["function"] for one in _LINE.finditer(printed))
    return tuple(name for name in found if not _AROUND.match(name))


def left_out(functions: tuple[str, ...], is_page: bool) -> str | None:
    """Why it is nothing that the kernel keeps for the process: a key of _OUT; None where it is."""
    plain = {name.removesuffix("_noprof") for name in functions}
    if any(name.startswith(_INTERRUPT) for name in plain):
        return "interrupt"
    if any("sheaf" in name for name in plain):
        return "cut"  # slab's own stock for each CPU (mm/slub.c, from 6.18 on)
    if not is_page:
        return None
    if plain & _CUT_UP:
        return "cut"
    if plain & _OF_USERS:
        return "user"
    return "cache" if any(name.startswith(_CACHE) for name in plain) else None


def _no_caller(stacks: tuple[Stack, ...]) -> list[str]:
    total = sum(stack.bytes for stack in stacks)
    without = sum(stack.bytes for stack in stacks if stack.site is None)
    if without * 10 <= total:
        return []
    return [
        f"{without / total:.0%} of the bytes have no line of the program: it was in the system call before bpftrace "
        "was, it is stripped, or it has no unwind tables"
    ]


def _own_group(host: Host, pid: int) -> str | None:
    """The folder of its memory cgroup, where nobody else is in it and no group is below it."""
    with suppress(MemlabError, OSError, ValueError):
        folder, _ = cgroup.memory_folder(host, pid)
        members = {int(word) for word in host.read(f"{folder}/cgroup.procs").split()}
        below = any(os.path.isdir(os.path.join(folder, name)) for name in host.listdir(folder))
        return folder if members == {pid} and not below else None
    return None


def _kernel(host: Host, folder: str) -> int | None:
    """Bytes of the kernel's memory of a group: `kernel` in version 2, memory.kmem.usage_in_bytes in 1."""
    group = cgroup_memory.read(host, folder)
    return group.kmem if group.kmem is not None else group.stat.get("kernel")
