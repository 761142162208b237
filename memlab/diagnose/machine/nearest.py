"""Of all that rises on a machine, what is the same memory seen from farther away: the nearer one is told.

From near to far: what a process holds, a message queue, a slab cache or a caller of vmalloc, a line of meminfo. What is
folded into a nearer one stands in its evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from memlab.diagnose.account import Account
from memlab.diagnose.alike import alike
from memlab.diagnose.machine.areas import AREAS
from memlab.diagnose.machine.caches import CACHES
from memlab.diagnose.machine.held import CHILDREN, DESCRIPTORS, TABLES, THREADS
from memlab.diagnose.machine.lines import LINE, NOWHERE, PER_CPU, SLABS, STACKS, VMALLOC
from memlab.diagnose.machine.lines import TABLES as TABLES_LINE
from memlab.diagnose.machine.shared import QUEUES
from memlab.diagnose.outside import BPF_MAPS, GROUP_KERNEL, OBJECT_BYTES
from memlab.diagnose.overlap import explained
from memlab.diagnose.sums import Rising
from memlab.model.outside import STACK_BYTES
from memlab.model.recording import Recording
from memlab.units import KIB, format_amount

# task_struct (some 10 kB with the largest state of the processor), signal_struct, sighand_struct, pids and credentials;
# of one that lives mm_struct, some dozens of mappings, the table of its descriptors: 32 KiB hold these
_TASK_BYTES = 32 * KIB

# what may wait behind one descriptor: a socket's send buffer, 208 KiB (net/core/sock.c, SK_WMEM_MAX); a pipe has 64 KiB
_QUEUE_BYTES = 208 * KIB

# of each account of the kernel's: which sources are nearer, and how many bytes of it one thing of these has at most (1:
# they are bytes themselves)
_OBJECTS: dict[str, int] = {
    QUEUES: 1,
    GROUP_KERNEL: 1,
    DESCRIPTORS: OBJECT_BYTES,
    THREADS: _TASK_BYTES,
    CHILDREN: _TASK_BYTES,
}
_NEARER: dict[str, dict[str, int]] = {
    CACHES: _OBJECTS,
    AREAS: {BPF_MAPS: 1, GROUP_KERNEL: 1},
    LINE + SLABS: {CACHES: 1, **_OBJECTS},
    LINE + VMALLOC: {AREAS: 1, BPF_MAPS: 1, GROUP_KERNEL: 1},
    LINE + PER_CPU: {BPF_MAPS: 1, GROUP_KERNEL: 1},
    LINE + TABLES_LINE: {TABLES: 1},
    LINE + STACKS: {THREADS: STACK_BYTES, CHILDREN: STACK_BYTES},
    LINE + NOWHERE: {GROUP_KERNEL: 1, DESCRIPTORS: 0},
}


@dataclass
class Told:
    """One that is told, and the others that show the same from farther away.

    Of so many caches one rises by chance: such a one is not `certain`, and told only where it is the nearest of
    something that is.
    """

    rising: Rising
    seen_in: list[Told]
    certain: bool

    @property
    def evidence(self) -> tuple[str, ...]:
        """In sentences."""
        return tuple(
            f"the same seen from farther away: {one.rising.part.account.where} grew by"
            f" {format_amount(one.rising.trend.growth, one.rising.part.account.unit)} in the same time"
            for one in self.seen_in
        )


def nearest(
    found: Iterable[Rising], doubtful: Iterable[Rising], view: Callable[[int], Recording]
) -> list[Told]:
    """What is told; `view` is the part of the recording that is of one process."""
    told = [Told(one, [], certain=True) for one in found if not one.part.reclaimable]
    told += [Told(one, [], certain=False) for one in doubtful if not one.part.reclaimable]
    holders = {id(one): holder for one in told if (holder := _holder(one, told))}
    for one in told:
        last = holders.get(id(one))
        while last is not None and id(last) in holders:
            last = holders[id(last)]
        if last is not None and (one.certain or _is_most_of(one, last)):
            last.seen_in.append(one)
    ends = [one for one in told if id(one) not in holders]
    ends = [one for one in ends if one.certain or any(far.certain for far in one.seen_in)]
    return _once_for_each_process(ends, view)


def _is_most_of(far: Told, near: Told) -> bool:
    """Else it may be anybody's."""
    return _is_in_bytes(near) and 2 * far.rising.trend.growth >= near.rising.trend.growth


def _once_for_each_process(told: list[Told], view: Callable[[int], Recording]) -> list[Told]:
    """As the judge of one process says it: of descriptors and what is behind them the larger is told."""
    kept = []
    for one in told:
        own = [
            other
            for other in told
            if other is not one and other.rising.part.pid == one.rising.part.pid is not None
        ]
        if own and _explained(one, own, view):
            largest = max(own, key=lambda other: (_is_in_bytes(other), other.rising.trend.growth))
            largest.seen_in += one.seen_in
        else:
            kept.append(one)
    return kept


def _explained(one: Told, own: list[Told], view: Callable[[int], Recording]) -> bool:
    assert one.rising.part.pid is not None
    seen = view(one.rising.part.pid)
    if not len(seen):
        return False
    start = seen.samples[0].monotonic
    account, *others = (_since(each.rising.part.account, start) for each in (one, *own))
    # resident memory is of many patterns here, and explains none of these
    return explained(seen, account, [other for other in others if other.pattern is not None])


def _since(account: Account, start: float) -> Account:
    """What was looked at closer was looked at later."""
    later = account.series.since(start)
    return replace(account, series=later) if len(later) > 1 else account


def _holder(far: Told, told: Sequence[Told]) -> Told | None:
    """The one of those that are nearer and explain half of it in sum; where nobody does so in bytes, by numbers."""
    whole = far.rising.trend.growth
    source = far.rising.part.account.source
    nearer = {
        id(one): (one, _NEARER[source][of])
        for one in told
        if (of := one.rising.part.account.source) in _NEARER.get(source, {})
        and (one.certain or _is_in_bytes(one))
    }
    # of many caches and callers only those that grow as it does are its own
    one_of_many = source in (CACHES, AREAS)
    explains = {
        key: one.rising.trend.growth
        for key, (one, _) in nearer.items()
        if _is_in_bytes(one) and (not one_of_many or _alike(far, one))
    }
    if 2 * sum(explains.values()) < whole:
        explains |= {
            key: one.rising.trend.growth * each
            for key, (one, each) in nearer.items()
            if not _is_in_bytes(one) and each
        }
    if 2 * sum(explains.values()) >= whole:
        similar = {key: size for key, size in explains.items() if whole / 2 <= size <= 2 * whole}
        if similar:
            return nearer[min(similar, key=lambda key: abs(similar[key] - whole))][0]
        return nearer[max(explains, key=explains.__getitem__)][0]
    return _waiting(far, [one for one, _ in nearer.values()])


def _waiting(far: Told, nearer: Sequence[Told]) -> Told | None:
    """Whose descriptors it may wait behind, as they grow alike; of several nobody can tell whose."""
    found = [
        one
        for one in nearer
        if one.rising.part.account.source == DESCRIPTORS
        and 2 * one.rising.trend.growth * _QUEUE_BYTES >= far.rising.trend.growth
        and _alike(far, one)
    ]
    return found[0] if len(found) == 1 else None


def _is_in_bytes(one: Told) -> bool:
    return one.rising.part.account.unit == "bytes"


def _alike(far: Told, near: Told) -> bool:
    account = far.rising.part.account
    return alike(account.series, near.rising.part.account.series, account.quantum, scaled=True)
