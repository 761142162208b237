"""Who asked for what is still there: call stacks with the bytes that they took and did not give back."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# what asks on somebody else's behalf: the C library and its loader, allocators, compilers' run-time libraries
# and the recorders that were put in their place
_RUNTIME = re.compile(
    r"^(?:libc|libpthread|libdl|librt|libm|ld|ld-linux[-\w]*|ld-musl[-\w]*|libstdc\+\+|libc\+\+|libgcc_s"
    r"|libjemalloc|libtcmalloc\w*|libmimalloc|libheaptrack\w*|libmemray\w*)[-.][^/]*$"
    r"|^\[vdso\]$|^_memray"
)
# the standard library of Python, not what is installed beside it; and what is frozen into the interpreter
_PYTHONS_OWN = re.compile(r"/lib(?:64)?/python3(?:\.\d+t?)?/(?!(?:site|dist)-packages/)|^<frozen ")
# functions that hand on what somebody else asked for, wherever they lie
_WRAPPER = re.compile(
    r"^(?:operator new|std::|__gnu_cxx::|g_(?:try_)?(?:malloc|realloc)|x(?:m|c|re)alloc$|safe_malloc$"
    r"|_?Py(?:Object|Mem)_\w*(?:Malloc|Calloc|Realloc|Alloc)|_PyMem_Raw|_PyObject_(?:Malloc|Calloc|Realloc)"
    # in Python an object is made for who calls its class; memray and py-spy write the class before it, or not
    r"|(?:[\w.<>]+\.)?__(?:init|new|post_init)__$)"
)
# functions of the kernel have no file; this stands in its place
KERNEL = "[kernel]"
# those of it that hand on what others of it asked for (mm/slub.c, mm/page_alloc.c, mm/vmalloc.c, net/core/skbuff.c)
_KERNELS_ALLOCATORS = re.compile(
    r"^_*(?:alloc_(?:frozen_)?pages|alloc_contig|get_free_pages|get_zeroed_page|folio_alloc|kmalloc|kmem_cache_alloc"
    r"|kvmalloc|kv?zalloc|krealloc|kmemdup|vmalloc|vzalloc|alloc_skb|alloc_skb_with_frags|kmalloc_reserve"
    r"|sock_alloc_send_p?skb|bpf_map_area_alloc|bpf_map_kmalloc|bpf_map_kv[mz]alloc|vm_area_alloc_pages|vm_module_tags)"
)
# where a stack begins that was walked to its end
_OUTERMOST = frozenset(
    ("_start", "main", "clone", "clone3", "__clone", "start_thread", "thread_start")
)


class Of(StrEnum):
    """What a stack holds."""

    MAPPING = "mapping"
    THREAD = "thread stack"
    BLOCK = "block"
    DESCRIPTOR = "descriptor"
    SEGMENT = "segment"
    FILE = "file"
    MESSAGE = "message"
    PROCESS = "process"
    PAGE = "page"
    OBJECT = "kernel object"


@dataclass(frozen=True)
class Frame:
    """One call: function, source file and line where debug info has them, and the module (a file) it lies in."""

    function: str
    file: str | None = None
    line: int | None = None
    module: str = ""

    @property
    def is_runtime(self) -> bool:
        """Whether it is in the C library, an allocator, Python's own library and the like, or makes an object for
        somebody else: never the one to blame.
        """
        module = self.module.rpartition("/")[2]
        return bool(
            self.module == KERNEL
            or _RUNTIME.match(module)
            or _WRAPPER.match(self.function)
            or _PYTHONS_OWN.search(self.module)
        )

    @property
    def place(self) -> str:
        """`heap.c:17`, or the module's name where there is no line."""
        if self.file is None:
            return self.module.rpartition("/")[2]
        name = self.file.rpartition("/")[2]
        return name if self.line is None else f"{name}:{self.line}"

    def __str__(self) -> str:
        """`leak heap.c:17`, as a leaker's ledger writes its site."""
        return f"{self.function or '?'} {self.place}".rstrip()

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON types."""
        return {
            "function": self.function,
            "file": self.file,
            "line": self.line,
            "module": self.module,
        }


@dataclass(frozen=True)
class Stack:
    """What one call stack took and did not give back: bytes, how many, and for how many seconds by now.

    frames: innermost first. bytes: 0 where things are counted that have none (descriptors).
    """

    bytes: int
    count: int
    frames: tuple[Frame, ...]
    of: Of
    oldest_seconds: float | None = None
    newest_seconds: float | None = None

    @property
    def site(self) -> Frame | None:
        """The first frame beyond the C library and the allocator: who asked. None where there is none."""
        return next((frame for frame in self.frames if not frame.is_runtime), None)

    @property
    def kernel(self) -> Frame | None:
        """The first function of the kernel beyond its allocators: for what it was. None where none was seen."""
        own = [frame for frame in self.frames if frame.module == KERNEL]
        return next((one for one in own if not _KERNELS_ALLOCATORS.match(one.function)), None)

    @property
    def is_cut(self) -> bool:
        """Whether callers are missing: it ends in a function of the program that is not where programs begin."""
        last = self.frames[-1] if self.frames else None
        return last is None or not (
            last.is_runtime or not last.function or last.function in _OUTERMOST
        )

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON types."""
        return {
            "bytes": self.bytes,
            "count": self.count,
            "of": self.of,
            "oldest_seconds": self.oldest_seconds,
            "newest_seconds": self.newest_seconds,
            "site": None if self.site is None else str(self.site),
            "kernel": None if self.kernel is None else self.kernel.function,
            "frames": [frame.to_json() for frame in self.frames],
        }


@dataclass(frozen=True)
class Growth:
    """What grew meanwhile, measured without the engine: bytes (or things), by which field, and of what it counts."""

    amount: int
    source: str
    unit: str = "bytes"
    of: tuple[Of, ...] = ()


@dataclass(frozen=True)
class Heap:
    """malloc's own account of a process, in bytes: in use, freed and kept, and mapped one by one (in use too)."""

    in_use: int
    kept: int
    mapped: int

    def to_json(self) -> dict[str, int]:
        """A dict of plain JSON types."""
        return {
            "in_use_bytes": self.in_use,
            "kept_bytes": self.kept,
            "mapped_bytes": self.mapped,
        }


@dataclass(frozen=True)
class Stacks:
    """The answer of one engine about one process.

    seconds: how long it was attached. stacks: biggest first. lost: what the engine did not tell or could
    not; doubts: why what it tells may accuse the wrong one; both are sentences. growth: what the bytes of the
    stacks must add up to. heaps: malloc's own account at the beginning and at the end, of the engine that asks it.
    """

    engine: str
    version: str
    pid: int
    seconds: float
    stacks: tuple[Stack, ...]
    lost: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    growth: Growth | None = None
    heaps: tuple[Heap, ...] = ()

    @property
    def bytes(self) -> int:
        """All of them together."""
        return sum(stack.bytes for stack in self.stacks)

    @property
    def count(self) -> int:
        """All of them together."""
        return sum(stack.count for stack in self.stacks)

    @property
    def residual(self) -> int | None:
        """The growth that no stack explains, in its unit (below zero: the stacks have more than grew)."""
        if self.growth is None:
            return None
        counted = [stack for stack in self.stacks if stack.of in self.growth.of]
        in_bytes = self.growth.unit == "bytes"
        return self.growth.amount - sum(one.bytes if in_bytes else one.count for one in counted)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON types."""
        in_bytes = self.growth is not None and self.growth.unit == "bytes"
        return {
            "engine": self.engine,
            "version": self.version,
            "pid": self.pid,
            "seconds": round(self.seconds, 3),
            "stacks": [stack.to_json() for stack in self.stacks],
            "bytes": self.bytes,
            "growth": None
            if self.growth is None
            else {
                "amount": self.growth.amount,
                "unit": self.growth.unit,
                "source": self.growth.source,
                "residual": self.residual,
            },
            "residual_bytes": self.residual if in_bytes else None,
            "heaps": [heap.to_json() for heap in self.heaps],
            "lost": list(self.lost),
            "doubts": list(self.doubts),
            "notes": list(self.notes),
        }


@dataclass
class _Sum:
    bytes: int = 0
    count: int = 0
    times: list[float] = field(default_factory=list)


def summed(held: Iterable[tuple[tuple[Frame, ...], Of, int, float | None]]) -> tuple[Stack, ...]:
    """One Stack for each that took something: (frames, what, bytes, age in seconds), biggest first."""
    sums: dict[tuple[tuple[Frame, ...], Of], _Sum] = defaultdict(_Sum)
    for frames, of, size, age in held:
        one = sums[frames, of]
        one.bytes += size
        one.count += 1
        if age is not None:
            one.times = [min([*one.times, age]), max([*one.times, age])]
    stacks = [
        Stack(one.bytes, one.count, frames, of, *(one.times[::-1] or (None, None)))
        for (frames, of), one in sums.items()
    ]
    return tuple(sorted(stacks, key=lambda stack: (stack.bytes, stack.count), reverse=True))
