"""Which mappings are stacks of threads: by the guard beside them, or by what the kernel marks.

Who makes a stack says so with MAP_STACK, which the kernel marks `nh` since 6.7 (mm/mmap.c: no huge pages on
stacks). glibc does (nptl/allocatestack.c), musl does not. The guard below is a mapping without access; since
glibc 2.42 it may be no mapping but the VmFlag `gu` (MADV_GUARD_INSTALL), and with a guard size of 0 there is
none: then stacks that lie side by side are one mapping.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from memlab.model.memory import RegionKind
from memlab.procfs.smaps import Smaps

_NO_HUGE_PAGES, _GUARDED, _NO_RESERVE = "nh", "gu", "nr"
# Linux 3.4 to 4.4 named stacks, and bionic names its own (prctl PR_SET_VMA_ANON_NAME)
_NAMED = re.compile(r"\[stack:\d+\]|\[anon:stack_and_tls:\d+\]")


def mark_thread_stacks(smaps: Smaps, kinds: NDArray[np.int8]) -> None:
    """Give stacks and their guards their kind; `kinds` knows heaps and arenas already.

    glibc puts the guard below its stack. Whatever lies below a guard is somebody else's memory, unless
    nothing follows the guard: a capture cut there shows the neighbour's guard behind the stack.
    """
    pairs = list(_beside_guards(smaps, kinds))
    if any(_NO_HUGE_PAGES in smaps.vm_flags[row] for row, _ in pairs):
        # where the kernel marks stacks, what it does not mark is another's: V8 and the JVM's metaspace
        # keep memory above a reserve, and allocators guard their pages
        pairs = [pair for pair in pairs if _NO_HUGE_PAGES in smaps.vm_flags[pair[0]]]
    for row, guard in pairs:
        kinds[row] = kinds[guard] = RegionKind.THREAD_STACK
    for row in _marked(smaps, kinds):
        kinds[row] = RegionKind.THREAD_STACK


def without_guard(smaps: Smaps, kinds: NDArray[np.int8]) -> NDArray[np.bool_]:
    """The rows of stacks that have no guard of their own, neither as a mapping nor by flag: a mask.

    MADV_NOHUGEPAGE sets the same flag as MAP_STACK, so that these may be other memory, if it is touched.
    """
    bare = np.zeros(len(smaps), dtype=np.bool_)
    for row in map(int, np.flatnonzero(kinds == RegionKind.THREAD_STACK)):
        guards = (r for r in (row - 1, row + 1) if _adjacent(smaps, row, r))
        bare[row] = (
            not smaps.perms[row].startswith("---")
            and _GUARDED not in smaps.vm_flags[row]
            and not any(_is_guard(smaps, kinds, r) for r in guards)
        )
    return bare


def _is_guard(smaps: Smaps, kinds: NDArray[np.int8], row: int) -> bool:
    return bool(kinds[row] == RegionKind.THREAD_STACK) and smaps.perms[row].startswith("---")


def _beside_guards(smaps: Smaps, kinds: NDArray[np.int8]) -> Iterator[tuple[int, int]]:
    """Writable anonymous mappings with their smaller guards: (row, guard).

    Neither of them is MAP_NORESERVE, as the pieces of reservations are: no C library asks it for a stack.
    """
    writable = (kinds == RegionKind.PLAIN_ANONYMOUS) | _named(smaps, kinds)
    for guard in map(int, np.flatnonzero(kinds == RegionKind.GUARD)):
        for row in (guard + 1, guard - 1):
            if _adjacent(smaps, guard, row):
                flags = smaps.vm_flags[row] | smaps.vm_flags[guard]
                fits = smaps.perms[row][:2] == "rw" and _size(smaps, guard) < _size(smaps, row)
                if writable[row] and fits and _NO_RESERVE not in flags:
                    yield row, guard
                break


def _marked(smaps: Smaps, kinds: NDArray[np.int8]) -> Iterator[int]:
    """Stacks by name, or by the kernel's mark, where that says anything.

    A process may be marked as a whole (PR_SET_THP_DISABLE up to Linux 4.12; KVM on s390): then its main
    stack is too.
    """
    yield from map(int, np.flatnonzero(_named(smaps, kinds)))
    main = np.flatnonzero(kinds == RegionKind.MAIN_STACK)
    if any(_NO_HUGE_PAGES in smaps.vm_flags[int(row)] for row in main):
        return
    for row in map(int, np.flatnonzero(kinds == RegionKind.PLAIN_ANONYMOUS)):
        flags = smaps.vm_flags[row]
        if (
            _NO_HUGE_PAGES in flags
            and _NO_RESERVE not in flags
            and not smaps.names[row]
            and smaps.perms[row][:2] == "rw"
        ):
            yield row


def _named(smaps: Smaps, kinds: NDArray[np.int8]) -> NDArray[np.bool_]:
    named = np.zeros(len(smaps), dtype=np.bool_)
    for row in map(int, np.flatnonzero(kinds == RegionKind.PLAIN_ANONYMOUS)):
        named[row] = _NAMED.fullmatch(smaps.names[row]) is not None
    return named


def _adjacent(smaps: Smaps, row: int, other: int) -> bool:
    if not 0 <= other < len(smaps):
        return False
    low, high = sorted((row, other))
    return bool(smaps.end[low] == smaps.start[high])


def _size(smaps: Smaps, row: int) -> int:
    return int(smaps.end[row]) - int(smaps.start[row])
