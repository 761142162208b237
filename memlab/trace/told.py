"""Sentences that several engines have to say about their own output."""

from __future__ import annotations

from collections.abc import Sequence

from memlab.model.stacks import Stack


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
