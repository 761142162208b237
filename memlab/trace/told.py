"""Sentences that several engines have to say about their own output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from memlab.model.stacks import Growth, Stack
from memlab.units import MIB, counted, format_bytes


def cut(stacks: Sequence[Stack]) -> list[str]:
    """Where callers are missing from a tenth of what is held or more."""
    total = sum(stack.bytes or stack.count for stack in stacks)
    without = sum(stack.bytes or stack.count for stack in stacks if stack.is_cut)
    if not total or without * 10 < total:
        return []
    return [
        f"{without / total:.0%} of it has a stack without its outer callers: no unwind tables or frame pointers there "
        "(build with -fasynchronous-unwind-tables or -fno-omit-frame-pointer)"
    ]


def nameless(stacks: Sequence[Stack]) -> list[str]:
    """Where a tenth of the bytes or more has no function beyond the allocator."""
    total = sum(stack.bytes for stack in stacks)
    without = sum(stack.bytes for stack in stacks if stack.site is None or not stack.site.function)
    if without * 10 <= total:
        return []
    return [
        f"{without / total:.0%} of the bytes have no function beyond the allocator: stripped, or without unwind "
        "tables; build it with -g"
    ]


def of_blocks(name: str, stacks: Sequence[Stack], taken: int, growth: Growth | None) -> list[str]:
    """Why blocks of malloc may not be the answer. name: the engine's; taken: how many blocks it saw."""
    said = []
    grown = growth.amount if growth is not None else 0
    if not taken and grown > MIB:
        said.append(
            f"it saw no malloc at all while {format_bytes(grown)} of anonymous memory came: an allocator of its own "
            "(static jemalloc, Go, a JVM), or mappings; --engine strace sees those"
        )
    total = sum(stack.bytes for stack in stacks)
    if taken and grown > MIB and total < grown / 2:
        said.append(
            f"blocks that are held explain {format_bytes(total)} of {format_bytes(grown)}: the rest is mappings, or "
            "freed memory that malloc keeps (--engine gdb says how much)"
        )
    runs = Counter(
        frame.function.startswith("_PyEval_EvalFrame") for stack in stacks for frame in stack.frames
    )
    if runs[True]:
        said.append(
            f"it is a Python program, and {name} sees its C frames only: --engine memray names lines of Python"
        )
    if taken and not stacks:
        said.append(f"{counted(taken, 'block')} came and all of them went: nothing is held")
    return said


def full(taken: int, dropped: int, what: str, keys: int) -> list[str]:
    """Where a table of so many in the kernel had no room."""
    if not dropped:
        return []
    return [
        f"{dropped:,} of {counted(taken, what)} came while the table of {keys:,} was full, and were not followed: the "
        "bytes are too few, of all stacks alike; a shorter --seconds loses less"
    ]


def cut_copy(stacks: Sequence[Stack], copied: int) -> list[str]:
    """As `cut`, for stacks of which so many bytes are copied. Those that were not read are told by another sentence."""
    total = sum(stack.bytes or stack.count for stack in stacks)
    without = sum(stack.bytes or stack.count for stack in stacks if stack.is_cut)
    if not total or without * 10 < total:
        return []
    return [
        f"{without / total:.0%} of it has a stack without its outer callers: they are beyond the {copied} bytes of the "
        "stack that are copied, or there are no unwind tables"
    ]
