"""A virtual address taken apart: page-table indices, mapping, page and frame."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from memlab.errors import Denied, Gone, MemlabError, Unsupported
from memlab.model.memory import MemoryType, RegionKind
from memlab.model.readings import need_regions, need_smaps
from memlab.model.sample import Sample
from memlab.procfs import kpage, pagemap
from memlab.procfs.smaps import Row

CPUINFO, CPUINFO_BYTES = "/proc/cpuinfo", 4096  # the first CPU's flags stand in its first page
_ENTRY_BYTES = 8  # of a page table, on x86-64 and arm64
_NAMES = {
    2: ("PGD", "PTE"),
    3: ("PGD", "PMD", "PTE"),
    4: ("PGD", "PUD", "PMD", "PTE"),
    5: ("PGD", "P4D", "PUD", "PMD", "PTE"),
}
# arch/arm64/Kconfig: what user space may span, by page size
_ARM64_BITS = {4096: (39, 48, 52), 16384: (36, 47, 48, 52), 65536: (42, 48, 52)}
_HEXADECIMAL = re.compile(r"(?:0[xX])?([0-9a-fA-F]+)")


@dataclass(frozen=True)
class Level:
    """One level of the page tables: `bits` of the address from bit `shift` up are its index."""

    name: str
    shift: int
    bits: int

    def index(self, address: int) -> int:
        """Which entry of its table the address takes."""
        return address >> self.shift & ((1 << self.bits) - 1)


@dataclass(frozen=True)
class Page:
    """What is behind the address now.

    state: guard, swapped, zero, anonymous, file, shared, present (which of those, root alone is
    told), absent, or unknown; meaning: in a sentence; entry: pagemap's, None where it was denied.
    pfn, flags, mapped: frame number, names of kpageflags and kpagecount; None where hidden, and
    `hidden` says which privilege shows them.
    """

    state: str
    meaning: str
    entry: pagemap.Entry | None
    pfn: int | None = None
    flags: frozenset[str] | None = None
    mapped: int | None = None
    hidden: str = ""


@dataclass(frozen=True)
class Translation:
    """All about one address. levels: outermost first, empty where this machine's layout is not known."""

    pid: int
    address: int
    page_bytes: int
    machine: str
    levels: tuple[Level, ...]
    mapping: Row
    memory_type: MemoryType
    kind: RegionKind
    page: Page

    @property
    def page_offset(self) -> int:
        """Bytes into the page."""
        return self.address % self.page_bytes

    @property
    def file_offset(self) -> int | None:
        """Bytes into the mapped file; None for anonymous memory."""
        if not self.mapping.inode:
            return None
        return self.mapping.offset + self.address - self.mapping.start

    @property
    def physical(self) -> int | None:
        """Physical address; None where the frame is hidden or absent."""
        return None if self.page.pfn is None else self.page.pfn * self.page_bytes + self.page_offset


def translate(sample: Sample, address: int, machine: str) -> Translation:
    """Translate an address of the process of this sample, which `observe.page` has looked at.

    machine: as in a recording's header. Raises Denied where smaps was, MemlabError
    where no mapping holds the address.
    """
    row, page_bytes = _row(sample, address), sample.host.page_bytes
    regions, mapping = need_regions(sample), need_smaps(sample).row(row)
    kind = RegionKind(int(regions.kinds[row]))
    return Translation(
        pid=sample.pid,
        address=address,
        page_bytes=page_bytes,
        machine=machine,
        levels=levels(machine, page_bytes, _five_levels(sample), _highest(sample)),
        mapping=mapping,
        memory_type=MemoryType(int(regions.types[row])),
        kind=kind,
        page=_page(sample, address, mapping, MemoryType(int(regions.types[row]))),
    )


def find_address(sample: Sample, text: str) -> int:
    """The name of a mapping (its first address), 0x7ffc…, or hexadecimal as in maps; else MemlabError."""
    for row in need_smaps(sample):
        if row.name and text in (row.name, row.name.rpartition("/")[2]):
            return row.start
    match = _HEXADECIMAL.fullmatch(text)
    if match is None or int(match[1], 16) >= 1 << 64:
        names = dict.fromkeys(row.name for row in need_smaps(sample) if row.name.startswith("["))
        raise MemlabError(
            f"{text!r} is neither an address nor a mapping of process {sample.pid}",
            "write it like 0x7ffc12345678, or a name such as " + " ".join(names),
        )
    address = int(match[1], 16)
    _row(sample, address)
    return address


def levels(machine: str, page_bytes: int, five: bool, highest: int) -> tuple[Level, ...]:
    """The levels of the page tables; () where the layout is not known.

    five: x86-64 with 57-bit addresses in use; highest: the highest address of user space seen,
    from which arm64's width is told (stacks lie at its top).
    """
    shift = page_bytes.bit_length() - 1
    each = (page_bytes // _ENTRY_BYTES).bit_length() - 1
    if machine == "x86_64" and page_bytes == 4096:
        width = 57 if five else 48
    elif machine in ("aarch64", "arm64") and page_bytes in _ARM64_BITS:
        fitting = [bits for bits in _ARM64_BITS[page_bytes] if highest <= 1 << bits]
        if not fitting:
            return ()
        width = fitting[0]
    else:
        return ()
    count = -(-(width - shift) // each)
    places = [shift + each * level for level in reversed(range(count))]
    return tuple(
        Level(name, place, min(each, width - place))
        for name, place in zip(_NAMES[count], places, strict=True)
    )


def _five_levels(sample: Sample) -> bool:
    """The flag is gone where the kernel does not use it (x86/x86_64/5level-paging.rst)."""
    try:
        return b"la57" in sample.host.read_at(CPUINFO, 0, CPUINFO_BYTES).split()
    except (Denied, Gone, Unsupported):
        return False


def _highest(sample: Sample) -> int:
    user = [row.end for row in need_smaps(sample) if row.name not in ("[vsyscall]", "[vectors]")]
    return max(user, default=0)


def _row(sample: Sample, address: int) -> int:
    """The number of the mapping that holds the address."""
    rows = need_smaps(sample)
    after = int(np.searchsorted(rows.start, np.uint64(address), side="right"))
    if after and address < int(rows.end[after - 1]):
        return after - 1
    near = [rows.row(index) for index in (after - 1, after) if 0 <= index < len(rows)]
    raise MemlabError(
        f"process {sample.pid} has no mapping at {address:#x}",
        "the nearest are "
        + " and ".join(f"{row.start:x}-{row.end:x} {row.name or 'anonymous'}" for row in near),
    )


def _page(sample: Sample, address: int, mapping: Row, kind: MemoryType) -> Page:
    try:
        entry = pagemap.read(sample.host, sample.pid, address)
    except (Denied, Gone, Unsupported) as error:
        return Page("unknown", "what is there cannot be told", None, hidden=str(error))
    flags = mapped = None
    hidden = ""
    if entry.pfn is not None:
        try:
            flags = kpage.read_flags(sample.host, entry.pfn)
            mapped = kpage.read_count(sample.host, entry.pfn)
        except (Denied, Gone, Unsupported) as error:
            hidden = str(error)
    elif entry.present:
        hidden = "pagemap hides the frame number: run as root (CAP_SYS_ADMIN)"
    state, meaning = _state(entry, flags, mapping, kind)
    return Page(state, meaning, entry, entry.pfn, flags, mapped, hidden)


def _state(
    entry: pagemap.Entry, flags: frozenset[str] | None, mapping: Row, kind: MemoryType
) -> tuple[str, str]:
    if entry.guard:
        return "guard", "a guard page (MADV_GUARD_INSTALL): touching it is a SIGSEGV"
    if entry.present:
        return _present(entry, flags, mapping, kind)
    if entry.swapped:
        area, place = entry.swap or (0, 0)
        return "swapped", f"in swap area {area} at page {place} (0 and 0 where hidden)"
    if "pf" in mapping.vm_flags:
        # frames that have no page of the kernel's bookkeeping (VM_PFNMAP): pagemap skips them
        return "unknown", "frames of the kernel or of a device: pagemap shows nothing of them"
    if mapping.perms.startswith("---"):
        return "absent", "nothing: no access is allowed here, it is reserved or a guard"
    if kind is MemoryType.SHARED_ANONYMOUS:
        return "absent", "not mapped by this process: never touched here, or swapped out"
    if mapping.inode:
        return "absent", "not mapped by this process; the file's page may be in the page cache"
    return "absent", "never touched, or given back: no memory is behind it"


def _present(
    entry: pagemap.Entry, flags: frozenset[str] | None, mapping: Row, kind: MemoryType
) -> tuple[str, str]:
    if flags is not None and "zero_page" in flags:
        return "zero", "the zero page: read, never written; not counted in Rss"
    if kind is MemoryType.OTHER and "ht" not in mapping.vm_flags:
        # pagemap's bit for files says no more than: not anonymous
        return "present", "in memory, a page of the kernel or of a device: of no file"
    if entry.file_or_shared:
        if kind is MemoryType.SHARED_ANONYMOUS:
            return "shared", "in memory, a page of shared memory (shmem)"
        return "file", "in memory, a page of the file in the page cache"
    if flags is None and not entry.exclusive and kind is MemoryType.PRIVATE_ANONYMOUS:
        return "present", "in memory: anonymous and mapped by others too, or the zero page"
    if flags is not None and "anon" not in flags:
        return "present", "in memory, a page of the kernel or of a device"
    if mapping.inode:
        return "anonymous", "in memory, an anonymous copy: it was written and left the file"
    huge = " (part of a huge page)" if flags and flags & {"thp", "huge"} else ""
    return "anonymous", f"in memory, an anonymous page{huge}"
