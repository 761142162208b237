"""Reads what each mapping occupies the cheapest way that this kernel and this process allow."""

from __future__ import annotations

from dataclasses import dataclass

from memlab.errors import Denied, Gone, Unsupported
from memlab.model.occupancy import Occupancy, doubt, from_pages, from_smaps, spans
from memlab.procfs import maps_table, mountinfo, page_scan, pagemap, smaps, swaps
from memlab.procfs.host import Host
from memlab.procfs.page_runs import PageRuns
from memlab.procfs.tree import Spans
from memlab.units import PAGE_BYTES

# entries of pagemap that cost as much to read as one mapping of smaps (measured: 3.5 us and 5 ns)
_ENTRIES_A_MAPPING = 700


@dataclass(frozen=True)
class Look:
    """What was found, and where: "PAGEMAP_SCAN", "pagemap" or "smaps"; why not by a cheaper one."""

    found: Occupancy
    source: str
    why: str = ""


def read(host: Host, pid: int) -> Look:
    """maps and the pages; smaps where the pages cannot tell (see `model.occupancy`).

    Raises Denied for the process of another user. Maps and pages are two looks: what is mapped in
    between is not seen, and what is unmapped counts nothing.
    """
    mappings = maps_table.read(host, pid)
    where = spans(mappings)
    why = ""
    try:
        source, pages = "PAGEMAP_SCAN", page_scan.read(host, pid, where)
    except Unsupported as error:
        why = str(error)
        if _entries(where) > _ENTRIES_A_MAPPING * len(mappings):
            return _by_smaps(host, pid, f"{why}; its memory is too sparse for pagemap")
        source, pages = "pagemap", pagemap.read_runs(host, pid, where)
    uncertain = doubt(mappings, pages, _shmem_devices(host, pid))
    if uncertain:
        return _by_smaps(host, pid, uncertain)
    return Look(from_pages(mappings, pages), source, why)


def scan(host: Host, pid: int) -> str:
    """Only maps and PAGEMAP_SCAN, for a Tee to keep; why they cannot be trusted, "" where they can.

    Raises Unsupported before Linux 6.7, Denied for the process of another user.
    """
    mappings = maps_table.read(host, pid)
    pages = page_scan.read(host, pid, spans(mappings))
    return doubt(mappings, pages, _shmem_devices(host, pid))


def pages_of(host: Host, pid: int, where: Spans) -> PageRuns:
    """The pages in these spans of addresses; without PAGEMAP_SCAN zero pages are only MAYBE_ZERO."""
    try:
        return page_scan.read(host, pid, where)
    except Unsupported:
        return pagemap.read_runs(host, pid, where)


def _by_smaps(host: Host, pid: int, why: str) -> Look:
    return Look(from_smaps(smaps.read(host, pid)), "smaps", why)


def _entries(where: Spans) -> int:
    return sum(high - low for low, high in where) // PAGE_BYTES


def _shmem_devices(host: Host, pid: int) -> frozenset[str] | None:
    """Devices of tmpfs; None where no swap is in use, so that nothing can be swapped out."""
    if not any(area.used for area in swaps.read(host)):
        return None
    try:
        mounts = mountinfo.read(host, pid)
    except (Denied, Gone, Unsupported):
        return frozenset()
    return frozenset(mount.device for mount in mounts if mount.fs_type in ("tmpfs", "devtmpfs"))
