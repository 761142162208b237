"""/proc/PID/smaps: what each mapping really occupies (fs/proc/task_mmu.c, show_smap; proc.rst).

Columns, not rows: a process may have 60,000 mappings, and most questions are sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from memlab.errors import Unsupported
from memlab.procfs.fields import snake
from memlab.procfs.host import Host
from memlab.procfs.smaps_lines import NUMBERS, TEXTS
from memlab.procfs.smaps_pieces import PADDING
from memlab.procfs.smaps_stream import Columns, Memory, Stream, from_text
from memlab.procfs.tails import Odd

_KNOWN_NUMBERS = frozenset(map(snake, NUMBERS))
_KNOWN = _KNOWN_NUMBERS | frozenset(map(snake, TEXTS))


@dataclass(frozen=True, eq=False)
class Smaps:
    """The mappings of one process; every column has one entry per mapping, in order of address.

    start, end: uint64 addresses, end excluded; offset, inode: uint64; perms, device, names:
    strings as in `maps.Mapping`. `columns` names the numbers that this kernel prints:

    size: end - start; kernel_page_size, mmu_page_size; rss: resident; pss: resident, each page
    divided by its users, and its part pss_dirty; shared_clean, shared_dirty, private_clean,
    private_dirty: rss by whether others map the page and whether it was written; referenced;
    anonymous: resident pages of no file, copied ones of a private file too; ksm: merged by KSM;
    lazy_free: given back by MADV_FREE, not yet taken; anon_huge_pages, shmem_pmd_mapped,
    file_pmd_mapped: mapped as huge pages; shared_hugetlb, private_hugetlb: hugetlbfs, not in
    rss; swap, swap_pss: in swap; locked: mlocked part of pss. All are bytes, but for
    thp_eligible (0 or 1) and protection_key (a number).

    `texts` are lines without a number, `unknown` names what this reader does not know; both
    numbers and texts are kept all the same.
    """

    start: NDArray[np.uint64]
    end: NDArray[np.uint64]
    offset: NDArray[np.uint64]
    inode: NDArray[np.uint64]
    perms: Sequence[str]
    device: Sequence[str]
    names: Sequence[str]
    sizes: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def columns(self) -> frozenset[str]:
        """The names that `column` knows."""
        return frozenset(self.sizes) if len(self) else _KNOWN_NUMBERS

    @property
    def unknown(self) -> frozenset[str]:
        """Lines that no kernel up to 6.18 prints."""
        return frozenset(self.sizes.keys() | self.texts.keys()) - _KNOWN

    def column(self, name: str) -> NDArray[np.int64]:
        """One number of all mappings, sizes in bytes. Unsupported where the kernel has no such."""
        if name in self.sizes:
            return self.sizes[name]
        if name in self.columns:
            return np.zeros(0, dtype=np.int64)  # no mappings, so nothing says what there is
        raise Unsupported(f"smaps of this kernel has no {name!r}", "see .columns for what it has")

    def total(self, name: str) -> int:
        """The sum of one column."""
        return int(self.column(name).sum())

    @cached_property
    def vm_flags(self) -> Sequence[frozenset[str]]:
        """The two-letter VmFlags of each mapping (proc.rst lists them); empty before Linux 3.8."""
        sets: dict[str, frozenset[str]] = {}
        texts = self.texts.get("vm_flags") or [""] * len(self)
        return [sets.get(text) or sets.setdefault(text, frozenset(text.split())) for text in texts]

    def row(self, index: int) -> Row:
        """One mapping; IndexError beyond the last."""
        return Row(self, range(len(self))[index])

    def __iter__(self) -> Iterator[Row]:
        return (Row(self, index) for index in range(len(self)))


class Row:
    """One mapping of an Smaps, looked up when asked: `row.start`, `row.name`, `row.rss`, …

    Has the attributes of `maps.Mapping`, `vm_flags`, and every column by its name.
    """

    __slots__ = ("_index", "_smaps")

    def __init__(self, smaps: Smaps, index: int) -> None:
        self._smaps = smaps
        self._index = index

    @property
    def start(self) -> int:
        """First address."""
        return int(self._smaps.start[self._index])

    @property
    def end(self) -> int:
        """First address behind it."""
        return int(self._smaps.end[self._index])

    @property
    def size(self) -> int:
        """Bytes of address space."""
        return self.end - self.start

    @property
    def perms(self) -> str:
        """Four letters: r w x, p(rivate) or s(hared)."""
        return self._smaps.perms[self._index]

    @property
    def offset(self) -> int:
        """Where in its file it begins, in bytes."""
        return int(self._smaps.offset[self._index])

    @property
    def device(self) -> str:
        """Major and minor number of its file system, in decimal."""
        return self._smaps.device[self._index]

    @property
    def inode(self) -> int:
        """Of its file; 0 where it has none."""
        return int(self._smaps.inode[self._index])

    @property
    def name(self) -> str:
        """A path, [heap] and the like; "" for anonymous memory."""
        return self._smaps.names[self._index]

    @property
    def vm_flags(self) -> frozenset[str]:
        """Two-letter flags."""
        return self._smaps.vm_flags[self._index]

    def __getattr__(self, name: str) -> int:
        try:
            return int(self._smaps.sizes[name][self._index])
        except KeyError:
            raise AttributeError(f"smaps of this kernel has no {name!r}") from None

    def __repr__(self) -> str:
        return f"<{self.start:x}-{self.end:x} {self.perms} {self.name or 'anonymous'}>"


def parse(text: bytes, path: str = "smaps") -> Smaps:
    """Malformed where a line is odd or a block is cut; an empty text has no mappings."""
    return _smaps(from_text(text, path))


def _smaps(columns: Columns) -> Smaps:
    return Smaps(
        start=columns.start,
        end=columns.end,
        offset=columns.offset,
        inode=columns.inode,
        perms=columns.perms,
        device=columns.device,
        names=columns.names,
        sizes={snake(key): column for key, column in columns.numbers.items()},
        texts={snake(key): column for key, column in columns.texts.items()},
    )


def read(host: Host, pid: int | str) -> Smaps:
    """Read it; Denied for the process of another user. Empty for kernel threads and zombies."""
    return Reader(host, pid, remember=False).read()


class Reader:
    """Reads the smaps of one process again and again.

    Remembers the text of the last time, about 720 bytes a mapping: where that has not changed
    nothing is parsed, and where nothing has changed the same Smaps comes back.
    """

    def __init__(self, host: Host, pid: int | str, remember: bool = True) -> None:
        self._host = host
        self._path = f"/proc/{pid}/smaps"
        self._memory = Memory() if remember else None
        self._last: Smaps | None = None

    def read(self) -> Smaps:
        """As `smaps.read`."""
        stream = Stream(self._memory)
        try:
            self._host.pour(self._path, stream.take, PADDING)
            columns = stream.columns()
        except Odd:
            return parse(self._host.read(self._path), self._path)
        if columns is not None:
            self._last = _smaps(columns)
        assert self._last is not None
        return self._last
