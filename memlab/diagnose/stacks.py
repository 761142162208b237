"""Stacks of threads: with guards, without, merged; and how they are told where mappings were not read.

Three things look alike and are not. Stacks of threads that run come with the number of threads. Stacks of
threads that were joined lie in glibc's cache and are used again: it is bounded (`CACHE_BYTES`), and more are
mapped only when more threads run at once than ever before. Stacks of threads that nobody joined stay, one for
each that ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from memlab.diagnose.account import Account
from memlab.diagnose.narrowed import copied
from memlab.diagnose.trend import FEWEST_STEPS, Shape, Trend, equal_steps
from memlab.model.classify import Regions
from memlab.model.diagnosis import Step
from memlab.model.memory import Basis, Pattern, RegionKind
from memlab.model.recording import Recording
from memlab.model.sample import Sample
from memlab.model.series import Series
from memlab.units import KIB, MIB, PAGE_BYTES, format_bytes, format_change

# nptl's stack_cache_maxsize, unless GLIBC_TUNABLES=glibc.pthread.stack_cache_size says otherwise
CACHE_BYTES = 40 * MIB
# PTHREAD_STACK_MIN and a guard: no stack is smaller
SMALLEST = 16 * KIB + PAGE_BYTES
# a stack size is set in round numbers (ulimit -s, pthread_attr_setstacksize)
_ROUND = 64 * KIB


def stack_account(recording: Recording) -> Account:
    """Thread stacks with their guards: address space is what they take, pages hardly any."""
    only_guarded = unguarded_is_memory(recording)
    size = _over_stacks(_sizes, without_unguarded=only_guarded)
    touched = _over_stacks(lambda regions: regions.footprint, without_unguarded=only_guarded)
    return Account(
        (Pattern.THREAD_STACK,),
        Basis.VIRTUAL,
        SMALLEST,
        recording.collect("thread-stack", size, source="smaps Size"),
        "thread stacks",
        "smaps Size of stacks and guards",
        recording.collect("thread-stack resident", touched),
    )


def unguarded_is_memory(recording: Recording) -> bool:
    """Whether what only the flag `nh` calls stacks is memory in use, which asked for no huge pages itself.

    Of a stack hardly any page is touched: it is as large as the deepest call could need.
    """
    for sample in reversed(recording.samples):
        if sample.regions is not None:
            rows = sample.regions.guardless_stacks
            size = int(_sizes(sample.regions)[rows].sum())
            return 2 * int(sample.regions.footprint[rows].sum()) > size
    return False


def unguarded_footprint(sample: Sample) -> float | None:
    """Resident and swapped bytes of the stacks that only the flag tells."""
    if sample.regions is None:
        return None
    return float(sample.regions.footprint[sample.regions.guardless_stacks].sum())


def stack_candidates(recording: Recording, size: Series) -> tuple[Pattern, ...]:
    """What address space is that grows and is not touched, and that no mapping calls a stack.

    Stacks, if the threads that run grow one for one with its steps, or its steps are of a round size and a
    guard's page, or are several of the stacks that a look at the mappings shows. Steps of just the limit on
    stacks (glibc's default size) may be stacks without a guard.
    """
    step = equal_steps(size)
    if step is None:
        return (Pattern.ADDRESS_SPACE,)
    count = round(size.growth / step.bytes)
    started = recording.series("stat.num_threads").growth
    guarded = step.bytes > PAGE_BYTES and (step.bytes - PAGE_BYTES) % _ROUND == 0
    if (
        guarded
        or _in_one(recording, step)
        or (started >= FEWEST_STEPS and abs(started - count) <= 1)
    ):
        return (Pattern.THREAD_STACK,)
    if step.bytes == recording.header.host.get("limits", {}).get("stack_size"):
        return (Pattern.THREAD_STACK, Pattern.ADDRESS_SPACE)
    return (Pattern.ADDRESS_SPACE,)


def _in_one(recording: Recording, step: Step) -> int:
    """How many of the stacks that are mapped, with their guards, one step has; 0 where it is not of these."""
    looks = copied(recording)
    if not looks or looks[-1].count_by_kind[RegionKind.THREAD_STACK] < FEWEST_STEPS:
        return 0
    usual = _usual(looks[-1])
    return step.bytes // usual if usual and step.bytes % usual == 0 else 0


def idle_bytes(sample: Sample) -> int | None:
    """Bytes of stacks beyond those of the threads that run; None where mappings or threads were not read.

    The main thread has its own, and a usual stack is that of which there are most. More than `CACHE_BYTES`
    of them in a program of glibc belong to threads that have ended and that nobody joined.
    """
    regions = sample.regions
    if regions is None or sample.stat is None or not regions.of(RegionKind.THREAD_STACK).any():
        return None
    usual = _usual(regions)
    if usual is None:
        return None
    whole = regions.virtual_by_kind[RegionKind.THREAD_STACK]
    return max(0, whole - (sample.stat.num_threads - 1) * usual)


def cached(recording: Recording, account: Account, found: Trend) -> Trend:
    """The trend; of stacks without threads that are no more than glibc keeps of joined ones, as unclear.

    Until then nobody can tell them from stacks that are used again. Its steps are single stacks, where several
    were mapped between two readings each time.
    """
    if account.pattern is not Pattern.THREAD_STACK or found.shape is not Shape.RISING:
        return found
    if found.step is not None and (count := _in_one(recording, found.step)) > 1:
        single = Step(found.step.bytes // count, found.step.period_seconds / count)
        found = replace(found, step=single)
    idle = [size for sample in recording if (size := idle_bytes(sample)) is not None]
    if len(idle) < 2 or not 0 < idle[-1] <= CACHE_BYTES or 2 * (idle[-1] - idle[0]) < found.growth:
        return found
    return replace(found, shape=Shape.UNCLEAR)


def stack_evidence(recording: Recording, account: Account, found: Trend) -> Iterator[str]:
    """Stacks against threads: a stack without a thread belongs to one that nobody joined."""
    threads = recording.series("stat.num_threads").values
    started = int(threads[-1] - threads[0]) if len(threads) else 0
    looked = [sample for sample in recording if sample.regions is not None]
    ends = looked[:1] if len(looked) < 2 else [looked[0], looked[-1]]
    regions = [sample.regions for sample in ends if sample.regions is not None]
    if len(looked) < 2:
        if len(threads):
            yield f"threads: {started:+d} in the same time; which mappings these are is in smaps"
        yield from _by_size(recording, account, regions[:1])
        return
    before, after = (seen.count_by_kind[RegionKind.THREAD_STACK] for seen in regions)
    gained = after - before
    if regions[-1].guardless_stacks.any():
        gained = round(found.growth / found.step.bytes) if found.step else 0
        yield from _merged(regions[-1], gained)
    else:
        yield f"thread stacks: {before} to {after}"
    yield f"threads: {threads[0]:.0f} to {threads[-1]:.0f}" if len(threads) else "threads: not read"
    if gained > 2 * started:
        yield "the threads have ended and their stacks stay: nobody joined them (pthread_join, pthread_detach)"
        yield from _beside_the_cache(looked[-1])
    elif started > 0:
        yield "the threads are still running: more are started than ever end"
    yield from _stack_sizes(regions[-1])


def _by_size(recording: Recording, account: Account, looked: list[Regions]) -> Iterator[str]:
    """Sums only: the size of a step must tell, and a look at smaps may show one such mapping."""
    step, resident = equal_steps(account.series), account.resident
    if resident is not None and len(resident) > 1:
        yield f"RSS {format_change(resident.growth)} in the same time: what is mapped is hardly touched"
    page = recording.header.page_bytes
    if step is not None and (step.bytes - page) % _ROUND == 0:
        yield (
            f"each step is {(step.bytes - page) // KIB:,} kB and one page of {page // KIB} kB: the size of a thread"
            " stack and its guard"
        )
    elif step is not None and (count := _in_one(recording, step)):
        yield f"each step is {count} times {step.bytes // count // KIB:,} kB: a thread stack and its guard in smaps"
    for regions in looked:
        yield from _stack_sizes(regions)
    if not looked:
        yield "what would confirm it: in smaps, mappings of that size rw-p, each beside a guard ---p"


def _merged(regions: Regions, gained: int) -> Iterator[str]:
    rows = regions.guardless_stacks
    size = int(_sizes(regions)[rows].sum())
    yield (
        f"{format_bytes(size)} of stacks have no guard beside them and are known by"
        " VmFlags nh (MAP_STACK): neighbours merge"
    )
    if gained:
        yield f"by the size of the steps that is {gained} stacks more"


def _beside_the_cache(last: Sample) -> Iterator[str]:
    idle = idle_bytes(last)
    if idle is None:
        return
    if idle > CACHE_BYTES:
        yield (
            f"{format_bytes(idle)} of stacks belong to no thread: of joined threads glibc keeps"
            f" {format_bytes(CACHE_BYTES)} at most"
        )
    else:
        yield (
            f"{format_bytes(idle)} of stacks belong to no thread; glibc may keep {format_bytes(CACHE_BYTES)} of"
            " joined threads, but uses those again before it maps more"
        )


def _stack_sizes(regions: Regions) -> Iterator[str]:
    """The usual stack and the usual guard, as smaps shows them."""
    sizes: dict[str, Counter[int]] = {"rw-p": Counter(), "---p": Counter()}
    for row in map(int, regions.of(RegionKind.THREAD_STACK).nonzero()[0]):
        mapping = regions.smaps.row(row)
        if mapping.perms in sizes:
            sizes[mapping.perms][mapping.size // KIB] += 1
    if sizes["rw-p"] and sizes["---p"]:
        (stack, count), (guard, _) = (sizes[perms].most_common(1)[0] for perms in ("rw-p", "---p"))
        are = "thread stacks are" if count > 1 else "thread stack is"
        yield f"{count} {are} {stack:,} kB rw-p beside a guard of {guard:,} kB ---p"


def _usual(regions: Regions) -> int | None:
    """Bytes of the most frequent stack with its guard; None where stacks have merged."""
    rows = regions.of(RegionKind.THREAD_STACK)
    if regions.guardless_stacks.any() or any(
        "gu" in regions.smaps.vm_flags[int(row)] for row in rows.nonzero()[0]
    ):
        return None
    sizes: dict[bool, Counter[int]] = {True: Counter(), False: Counter()}
    for row in map(int, rows.nonzero()[0]):
        guard = regions.smaps.perms[row].startswith("---")
        sizes[guard][int(_sizes(regions)[row])] += 1
    return sum(counted.most_common(1)[0][0] for counted in sizes.values() if counted)


def _sizes(regions: Regions) -> NDArray[np.int64]:
    return regions.smaps.end.astype(np.int64) - regions.smaps.start.astype(np.int64)


def _over_stacks(
    column: Callable[[Regions], NDArray[np.int64]], without_unguarded: bool
) -> Callable[[Sample], float | None]:
    def get(sample: Sample) -> float | None:
        if sample.regions is None:
            return None
        rows = sample.regions.of(RegionKind.THREAD_STACK)
        if without_unguarded:
            rows &= ~sample.regions.guardless_stacks
        return float(column(sample.regions)[rows].sum())

    return get
