"""What children show: how many there are, and whether they live or wait to be waited for."""

from __future__ import annotations

from collections.abc import Iterator

from memlab.diagnose.account import Account
from memlab.model.memory import Basis, Pattern
from memlab.model.recording import Recording
from memlab.model.sample import Sample

# one that has just been started, and one that has just ended: a parent waits for it next
GRAIN = 2


def children_account(recording: Recording) -> Account:
    """The children by their number, zombies included."""
    return Account(
        (Pattern.PROCESS,),
        Basis.COUNT,
        GRAIN,
        recording.collect("process", _children, unit="count", source="task/TID/children"),
        "children",
        "task/TID/children",
        unit="processes",
    )


def _children(sample: Sample) -> float | None:
    return None if sample.children is None else float(len(sample.children))


def are_zombies(recording: Recording) -> bool:
    """Whether most of the new ones have ended, by the first and the last look."""
    looked = [
        sample.child_states
        for sample in recording
        if sample.children == () or sample.child_states  # else they were only counted
    ]
    if not looked:
        return False
    first, last = looked[0], looked[-1]
    dead = last.count("Z") - first.count("Z")
    alive = len(last) - len(first) - dead
    return dead > alive or (dead == alive == 0 and 2 * last.count("Z") > len(last))


def children_evidence(recording: Recording) -> Iterator[str]:
    """Dead or alive."""
    yield from dead_or_alive(are_zombies(recording))


def dead_or_alive(zombies: bool) -> Iterator[str]:
    """What that means for memory, and for what runs out."""
    if zombies:
        yield "they have ended and are zombies: nobody asked how (wait, waitpid)"
        yield "a zombie has no memory of its own: what runs out are pids (kernel.pid_max, RLIMIT_NPROC)"
    else:
        yield "they are alive: more are started than ever end"
        yield "what they take is not in this process's RSS: memlab diagnose --tree follows them"
