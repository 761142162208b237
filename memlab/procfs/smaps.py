"""/proc/PID/smaps: what each mapping really occupies (fs/proc/task_mmu.c, show_smap; proc.rst).

Columns, not rows: a process may have 60,000 mappings, and most questions are sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from memlab.errors import Malformed, Unsupported
from memlab.procfs.fields import snake
from memlab.procfs.host import Host
from memlab.procfs.maps import Mapping, parse_header

# What kernels up to 6.18 print, by snake-case name. All are sizes in kB there and bytes here.
KNOWN = frozenset(
    (
        "size",  # end - start
        "kernel_page_size",
        "mmu_page_size",
        "rss",  # resident
        "pss",  # resident, shared pages divided by their users
        "pss_dirty",
        "pss_anon",
        "pss_file",
        "pss_shmem",
        "shared_clean",
        "shared_dirty",
        "private_clean",
        "private_dirty",
        "referenced",
        "anonymous",  # resident pages that belong to no file, copied ones of a private file too
        "ksm",
        "lazy_free",  # MADV_FREE: given back, but not yet taken
        "anon_huge_pages",
        "shmem_pmd_mapped",
        "file_pmd_mapped",
        "shared_hugetlb",  # huge pages are not in rss
        "private_hugetlb",
        "swap",
        "swap_pss",
        "locked",
        "th_peligible",  # THPeligible: 0 or 1, no size
        "protection_key",  # a number, no size
        "name",  # Android's and old kernels' way to name anonymous memory
    )
)


@dataclass(frozen=True, eq=False)
class Smaps:
    """The mappings of one process; every column has one entry per mapping, in order of address.

    start, end: uint64 addresses; offset, inode: uint64; perms, device, names: strings as in
    `maps.Mapping`. `column("rss")` gives int64 bytes; `columns` names what this kernel has.
    `unknown` names lines that this reader does not know (kept as columns all the same).
    """

    start: NDArray[np.uint64]
    end: NDArray[np.uint64]
    offset: NDArray[np.uint64]
    inode: NDArray[np.uint64]
    perms: Sequence[str]
    device: Sequence[str]
    names: Sequence[str]
    sizes: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    flag_texts: Sequence[str] = ()
    unknown: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.start)

    @property
    def columns(self) -> frozenset[str]:
        """The names that `column` knows."""
        return frozenset(self.sizes)

    def column(self, name: str) -> NDArray[np.int64]:
        """One field of all mappings, in bytes. Unsupported where the kernel does not print it."""
        if name not in self.sizes:
            raise Unsupported(f"smaps of this kernel has no field {name!r}")
        return self.sizes[name]

    def total(self, name: str) -> int:
        """The sum of one field over all mappings."""
        return int(self.column(name).sum())

    @cached_property
    def vm_flags(self) -> Sequence[frozenset[str]]:
        """The two-letter VmFlags of each mapping (proc.rst lists them); empty before Linux 3.8."""
        known: dict[str, frozenset[str]] = {}
        return [known.setdefault(text, frozenset(text.split())) for text in self.flag_texts]

    def row(self, index: int) -> Mapping:
        """One mapping, as maps would show it."""
        return Mapping(
            int(self.start[index]),
            int(self.end[index]),
            self.perms[index],
            int(self.offset[index]),
            self.device[index],
            int(self.inode[index]),
            self.names[index],
        )

    def __iter__(self) -> Iterator[Mapping]:
        return (self.row(index) for index in range(len(self)))


def parse(text: bytes, path: str = "smaps") -> Smaps:
    """Blocks of a maps line and `Key: N kB` lines; Malformed where a block is torn."""
    headers: list[Mapping] = []
    values: dict[str, list[int]] = {}
    flags: list[str] = []
    for number, line in enumerate(text.decode(errors="surrogateescape").split("\n"), 1):
        key, colon, value = line.partition(":")
        # a header's first colon stands behind its address and perms, never behind one word
        if colon and " " not in key and headers:
            if key == "VmFlags":
                flags[-1] = value
            elif key != "Name":
                _put(values, key, value, len(headers), path, number, line)
        elif line:
            headers.append(parse_header(line, path, number))
            flags.append("")
    return _columns(headers, values, flags, path)


def _put(
    values: dict[str, list[int]],
    key: str,
    value: str,
    block: int,
    path: str,
    number: int,
    line: str,
) -> None:
    """Put a number into its column; every block must have every field, once."""
    try:
        size = int(value.removesuffix("kB"))
    except ValueError:
        raise Malformed(path, number, line, "is no amount") from None
    column = values.setdefault(key, [])
    if len(column) != block - 1:
        raise Malformed(path, number, line, "is in one mapping and not in another, or twice")
    column.append(size * 1024 if value.endswith("kB") else size)


def _columns(
    headers: list[Mapping], values: dict[str, list[int]], flags: list[str], path: str
) -> Smaps:
    for key, column in values.items():
        if len(column) != len(headers):
            raise Malformed(path, 0, "", f"is cut: its last mapping has no {key}")
    if headers and not values:
        raise Malformed(path, 0, "", "holds mappings without sizes: this is maps, not smaps")
    sizes = {snake(key): np.array(column, dtype=np.int64) for key, column in values.items()}
    return Smaps(
        start=np.array([m.start for m in headers], dtype=np.uint64),
        end=np.array([m.end for m in headers], dtype=np.uint64),
        offset=np.array([m.offset for m in headers], dtype=np.uint64),
        inode=np.array([m.inode for m in headers], dtype=np.uint64),
        perms=[m.perms for m in headers],
        device=[m.device for m in headers],
        names=[m.name for m in headers],
        sizes=sizes,
        flag_texts=flags,
        unknown=frozenset(sizes) - KNOWN,
    )


def read(host: Host, pid: int) -> Smaps:
    """Read it; Denied for the process of another user. Empty for kernel threads and zombies."""
    path = f"/proc/{pid}/smaps"
    return parse(host.read(path), path)
