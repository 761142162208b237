"""What each mapping occupies, from the pages themselves: rss, swap and anonymous, as smaps counts them.

smaps walks the page tables and writes 700 bytes a mapping; the pages alone come much cheaper. What
they cannot tell is detected, and then smaps is asked (fs/proc/task_mmu.c, smaps_pte_entry):

- pages of hugetlb look like huge pages of a file, and smaps does not count them as Rss;
- shmem that was swapped out leaves no trace in the page tables, and smaps asks the file;
- guards look like swap entries to a scan before 6.15, and so do other markers in shared memory;
- zero pages are not told by pagemap's entries; smaps does not count them;
- pages of a device without a struct page look anonymous.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memlab.procfs.maps_table import MapsTable
from memlab.procfs.page_runs import Category, PageRuns
from memlab.procfs.smaps import Smaps
from memlab.procfs.tails import Tail

_USER_SPACE_END = 1 << 63  # [vsyscall] lies above, and has no pages of the process
_LARGEST_GAP = 2 << 20  # unmapped space that one scan goes over: less than a page table covers
_SMALLEST_HUGE_PAGE = 64 << 10  # of hugetlb, on any architecture
_KERNEL_PAGES = ("[vvar]", "[vvar_vclock]")
_HIDDEN_SHMEM = ("/memfd:", "/SYSV", "/dev/zero", "[anon_shmem:")


@dataclass(frozen=True, eq=False)
class Occupancy:
    """One entry a mapping, in bytes, equal to the columns of smaps; `mappings` says which they are."""

    mappings: MapsTable | Smaps
    rss: NDArray[np.int64]
    swap: NDArray[np.int64]
    anonymous: NDArray[np.int64]


def spans(mappings: MapsTable) -> list[tuple[int, int]]:
    """The addresses to look at: mappings with no large gap between them, joined."""
    user = mappings.end <= np.uint64(_USER_SPACE_END)
    start, end = mappings.start[user].view(np.int64), mappings.end[user].view(np.int64)
    if not len(start):
        return []
    breaks = np.flatnonzero(start[1:] - end[:-1] > _LARGEST_GAP)
    lows = start[np.concatenate([[0], breaks + 1])]
    highs = end[np.concatenate([breaks, [len(end) - 1]])]
    return list(zip(lows.tolist(), highs.tolist(), strict=True))


def from_pages(mappings: MapsTable, pages: PageRuns) -> Occupancy:
    """What the pages say; see `doubt` for whether that can be trusted."""
    present = pages.has(Category.PRESENT) & ~pages.has(Category.PFNZERO)
    of_files = present & pages.has(Category.FILE)
    within = pages.within(mappings.start, mappings.end)
    may_be_anonymous = mappings.private & ~mappings.of_file(lambda file: file[2] in _KERNEL_PAGES)
    anonymous = within.bytes_of(present & ~of_files) * may_be_anonymous
    swap = within.bytes_of(_swapped(pages)) if _has_swapped(pages) else np.zeros_like(anonymous)
    return Occupancy(mappings, anonymous + within.bytes_of(of_files), swap, anonymous)


def as_smaps(found: Occupancy) -> Smaps:
    """The mappings with these columns, for whoever takes an Smaps; others it does not have."""
    table = found.mappings
    if isinstance(table, Smaps):
        return table
    size = (table.end - table.start).astype(np.int64)
    columns = (
        table.start,
        table.end,
        table.offset,
        table.inode,
        table.perms,
        table.device,
        table.names,
    )
    kept = {"size": size, "rss": found.rss, "swap": found.swap, "anonymous": found.anonymous}
    return Smaps(*columns, sizes=kept)


def from_smaps(smaps: Smaps) -> Occupancy:
    """What smaps says; a kernel that has no swap column counts as one without swap."""
    swap = smaps.column("swap") if "swap" in smaps.columns else np.zeros(len(smaps), np.int64)
    return Occupancy(smaps, smaps.column("rss"), swap, smaps.column("anonymous"))


def doubt(mappings: MapsTable, pages: PageRuns, shmem_devices: frozenset[str] | None) -> str:
    """Why these pages cannot be trusted to say what smaps says; "" where they can.

    shmem_devices: the "major:minor" of tmpfs, where shmem may be swapped out; None where nothing is.
    """
    if pages.anywhere & Category.MAYBE_ZERO:
        return "zero pages and pages shared by a fork look alike in pagemap"
    if _has_swapped(pages):
        if not pages.knows_guards:
            return "guards and swap entries look alike to this kernel's scan"
        if _bytes(pages, _swapped(pages), mappings)[~mappings.private].any():
            return "shared memory has markers that look like swap entries"
    if _may_have_hugetlb(mappings, pages):
        return "there may be hugetlb pages"
    device = mappings.private & mappings.of_file(lambda file: file[2].startswith("/dev/"))
    if device.any():
        strange = pages.has(Category.PRESENT) & ~pages.has(Category.FILE | Category.PFNZERO)
        if _bytes(pages, strange, mappings)[device].any():
            return "a device is mapped privately"
    if (
        shmem_devices is not None
        and mappings.of_file(lambda file: _is_shmem(file, shmem_devices)).any()
    ):
        return "shared memory may be in swap"
    return ""


def _has_swapped(pages: PageRuns) -> bool:
    return bool(pages.anywhere & Category.SWAPPED)


def _swapped(pages: PageRuns) -> NDArray[np.bool_]:
    return pages.has(Category.SWAPPED) & ~pages.has(Category.GUARD)


def _bytes(pages: PageRuns, runs: NDArray[np.bool_], mappings: MapsTable) -> NDArray[np.int64]:
    return pages.within(mappings.start, mappings.end).bytes_of(runs)


def _may_have_hugetlb(mappings: MapsTable, pages: PageRuns) -> bool:
    """hugetlb has a file, lies on whole huge pages and is mapped by nothing smaller."""
    if not pages.anywhere & Category.HUGE:
        return False
    huge = pages.has(Category.HUGE) & pages.has(Category.PRESENT)
    whole = (mappings.start | mappings.end) & np.uint64(_SMALLEST_HUGE_PAGE - 1) == 0
    return bool(_bytes(pages, huge, mappings)[whole & (mappings.inode != 0)].any())


def _is_shmem(file: Tail, devices: frozenset[str]) -> bool:
    return file[0] in devices or file[2].startswith(_HIDDEN_SHMEM)
