"""What became of a tmpfs at each remount, in words."""

from __future__ import annotations

from memlab.model.tmpfs_steps import Resized, Step
from memlab.units import format_bytes


def resized_text(found: Resized) -> str:
    """Each command, and below it what the kernel did."""
    who = (
        f"user {found.user}, root in a user namespace of its own"
        if found.user_namespace
        else "root"
    )
    lines = [f"a tmpfs in a mount namespace of its own, mounted by {who}"]
    for step in found.steps:
        lines += ["", f"  $ {step.command}", *(f"    {words}" for words in _came_of(step))]
    lines += ["", "nothing is left: the mount went with its namespace"]
    return "\n".join(lines)


def _came_of(step: Step) -> list[str]:
    data = (
        "what was written reads back as it was" if step.intact else "WHAT WAS WRITTEN HAS CHANGED"
    )
    state = f"{format_bytes(step.used)} of {format_bytes(step.size)} are used; {data}"
    if not step.done:
        why = step.error or "mount(8) did, the kernel would not"
        return [f"refused: {why} ({step.said})", state]
    lines = []
    if step.stopped:
        lines.append(f"the open file takes {format_bytes(step.wrote)} more, then {step.stopped}")
    return [*lines, state]
