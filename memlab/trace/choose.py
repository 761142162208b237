"""Which engine answers for which pattern, and whether it may and can here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from memlab.errors import MemlabError, Unsupported, meant
from memlab.model.memory import Pattern
from memlab.model.stacks import Stacks
from memlab.trace import attach, bpftrace, gdb, heaptrack, memray, perf, pyspy, strace
from memlab.trace.watch import EARLY, Watch

Trace = Callable[[int, Watch, Pattern | None], Stacks]


@dataclass(frozen=True)
class Engine:
    """One tool: its name, what it answers, what it costs the target, why not here, and how it traces.

    why_not: raises the error that says so, before anything is attached. cost_of, why_not_for: the same of a pattern,
    where that makes a difference. fits: whether it is for such a program at
    all; where not, it is not chosen, and that is nothing to tell. intrudes: whether it puts code into the process.
    """

    name: str
    answers: str
    cost: str
    why_not: Callable[[int], None]
    trace: Trace
    fits: Callable[[int], bool] = lambda pid: True
    intrudes: bool = False
    cost_of: Callable[[Pattern | None], str] | None = None
    why_not_for: Callable[[int, Pattern | None], None] | None = None

    def price(self, pattern: Pattern | None) -> str:
        """What it costs the target to look for that."""
        return self.cost if self.cost_of is None else self.cost_of(pattern)

    def check(self, pid: int, pattern: Pattern | None) -> None:
        """Raise what keeps it from looking for that, before anything is attached."""
        if self.why_not_for is None:
            self.why_not(pid)
        else:
            self.why_not_for(pid, pattern)


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine(
            strace.NAME,
            "mappings, threads never joined, segments, descriptors, files: who asked the kernel",
            strace.COST,
            strace.why_not,
            strace.trace,
        ),
        Engine(
            memray.NAME,
            "what Python code took and did not free, by its lines",
            memray.COST,
            memray.why_not,
            memray.trace,
            pyspy.is_python,
            intrudes=True,
        ),
        Engine(
            pyspy.NAME,
            "what Python code asked the kernel for (descriptors, mappings, threads, files, children), by its lines",
            pyspy.COST,
            pyspy.why_not,
            pyspy.trace,
            pyspy.is_python,
        ),
        Engine(
            heaptrack.NAME,
            "blocks of malloc: who asked for what was never freed (C, C++)",
            heaptrack.COST,
            heaptrack.why_not,
            heaptrack.trace,
            intrudes=True,
        ),
        Engine(
            bpftrace.NAME,
            "blocks of malloc, without touching the process (root); with the pattern `kernel` what the kernel took for "
            "it, by the kernel's function and the line that called",
            bpftrace.COST,
            bpftrace.why_not,
            bpftrace.trace,
            cost_of=bpftrace.cost,
            why_not_for=bpftrace.why_not,
        ),
        Engine(
            gdb.NAME,
            "no stacks: how much of malloc's memory is in use, and how much is freed and kept",
            gdb.COST,
            gdb.why_not,
            gdb.trace,
            intrudes=True,
        ),
        Engine(
            perf.NAME,
            "pages: who touched each first, nearly free",
            perf.COST,
            perf.why_not,
            perf.trace,
        ),
    )
}

# the best first. brk's stacks accuse whoever asked when the heap was full, so strace is never for the heap
_BY_PATTERN: dict[Pattern, tuple[str, ...]] = {
    Pattern.HEAP: ("memray", "heaptrack", "bpftrace"),
    Pattern.ARENA: ("memray", "heaptrack", "bpftrace"),
    Pattern.ANONYMOUS: ("memray", "py-spy", "strace", "heaptrack", "bpftrace"),
    Pattern.KERNEL: ("py-spy", "bpftrace", "strace"),
    Pattern.MAIN_STACK: ("perf",),
    Pattern.PAGE_TABLE: ("py-spy", "strace", "bpftrace", "perf"),
    Pattern.PRIVATE_FILE: ("py-spy", "strace", "bpftrace", "perf"),
}
_ELSE = ("py-spy", "strace", "bpftrace")


@dataclass(frozen=True)
class Choice:
    """An engine, the pattern that it is to look for, and sentences on those that would have been better.

    others: engines to ask where this one explains little, the best first.
    """

    engine: Engine
    pattern: Pattern | None
    passed_over: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def named(name: str) -> Engine:
    """One engine; Unsupported with the names that there are."""
    if name not in ENGINES:
        hint = f"{meant(name, ENGINES)}there are {', '.join(ENGINES)}"
        raise Unsupported(f"no engine is called {name!r}", hint)
    return ENGINES[name]


def reachable(pid: int) -> None:
    """Raise what keeps every engine from it: before it is watched for long, and then nobody may look."""
    try:
        attach.check(pid)
    except MemlabError as error:
        try:
            bpftrace.why_not(pid, Pattern.KERNEL)
        except MemlabError:
            raise error from None


def choose(pid: int, patterns: Sequence[Pattern] = ()) -> Choice:
    """The first that may and can. Raises what the first of them raises where none does."""
    pattern = patterns[0] if len(patterns) == 1 else None
    wanted = [name for one in patterns for name in _BY_PATTERN.get(one, _ELSE)] or [*_ELSE]
    errors: list[MemlabError] = []
    names = [name for name in dict.fromkeys(wanted) if name in ENGINES and ENGINES[name].fits(pid)]
    for nth, name in enumerate(names):
        try:
            ENGINES[name].check(pid, pattern)
        except MemlabError as error:
            errors.append(error)
            continue
        return Choice(ENGINES[name], pattern, tuple(map(str, errors)), tuple(names[nth + 1 :]))
    raise errors[0] if errors else Unsupported(f"no engine answers for {pattern}")


def explained(stacks: Stacks) -> float:
    """The share of what grew that has a stack; 0 where nothing says what grew."""
    if stacks.growth is None or stacks.residual is None or stacks.growth.amount <= 0:
        return 0.0
    return 1 - stacks.residual / stacks.growth.amount


def after(choice: Choice, stacks: Stacks, pid: int) -> Choice | None:
    """The next to ask where an engine that was chosen explains less than half of what grew; None where it does.

    What an extension takes by itself passes by an engine that follows the allocators of the language. None that puts
    code into the process is chosen so, and none after a user who let go.
    """
    if stacks.growth is None or stacks.growth.amount <= 0 or explained(stacks) >= 0.5:
        return None
    if EARLY in stacks.lost:
        return None
    for nth, name in enumerate(choice.others):
        if ENGINES[name].intrudes:
            continue
        with suppress(MemlabError):
            ENGINES[name].check(pid, choice.pattern)
            return Choice(ENGINES[name], choice.pattern, (), choice.others[nth + 1 :])
    return None
