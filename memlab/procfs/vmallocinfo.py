"""/proc/vmallocinfo: the kernel's virtually contiguous areas (mm/vmalloc.c, vmalloc_info_show; proc.rst). Root only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from memlab.errors import Malformed
from memlab.procfs.fields import lines_of
from memlab.procfs.host import Host
from memlab.units import PAGE_BYTES

_ADDRESS = r"0x([0-9a-f]{1,16}|\([_a-z]+\))"
_LINE = re.compile(rf"{_ADDRESS}-{_ADDRESS} +([0-9]{{1,20}})((?: [^ ]+)*) *")
_PAIR = re.compile(r"([A-Za-z][\w-]*)=(0x[0-9a-f]{1,16}|[0-9]{1,20})", re.ASCII)
_FLAGS = frozenset(
    "ioremap vmalloc vmap user dma-coherent vpages sparse vm_map_ram unpurged vm_area".split()
)


@dataclass(frozen=True)
class Area:
    """One area of the kernel's address space.

    start, end: addresses, None where the kernel hides them; hashed ones (kptr_restrict=0) only
    tell areas apart, so end - start says nothing then. size: bytes of address space, most areas
    with a guard page; caller: who asked ("kernel_clone+0x94/0x3e0", " [module]" behind it), None
    where nobody is named; pages: how many of memory lie below (None: not vmalloc's own);
    phys: the physical address of a device; flags: ioremap, vmalloc, vmap, user (may be mapped by
    a program), dma-coherent, vpages (its list of pages needed vmalloc too), sparse, vm_map_ram,
    unpurged (freed already: only its address waits); nodes: pages by NUMA node; page_bytes: of
    one page; unknown: other `name=value`.
    """

    start: int | None
    end: int | None
    size: int
    caller: str | None
    pages: int | None
    phys: int | None
    flags: frozenset[str]
    nodes: Mapping[int, int]
    page_bytes: int
    unknown: Mapping[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int | None:
        """Memory that the area holds; None where the kernel counts none for it."""
        return None if self.pages is None else self.pages * self.page_bytes


def parse(text: bytes, path: str = "vmallocinfo", page_bytes: int = PAGE_BYTES) -> tuple[Area, ...]:
    """An area a line. No area at all gives ()."""
    return tuple(_area(line, path, number, page_bytes) for number, line in lines_of(text))


def _area(line: str, path: str, number: int, page_bytes: int) -> Area:
    match = _LINE.fullmatch(line)
    if match is None:
        raise Malformed(path, number, line, "is no area")
    words = match[4].split(" ")[1:]
    caller = None
    if words and words[0] not in _FLAGS and not _PAIR.fullmatch(words[0]):
        caller = words.pop(0)
        if words and words[0].startswith("["):
            caller += f" {words.pop(0)}"
    pairs: dict[str, int] = {}
    flags = set()
    for word in words:
        pair = _PAIR.fullmatch(word)
        if pair is None and "=" in word:
            raise Malformed(path, number, line, f"has no number in {word}")
        if pair is None:
            flags.add(word)
        else:
            pairs[pair[1]] = int(pair[2], 16 if pair[2].startswith("0x") else 10)
    nodes = {
        int(key[1:]): pairs.pop(key) for key in list(pairs) if re.fullmatch("N[0-9]{1,9}", key)
    }
    return Area(
        start=_address(match[1]),
        end=_address(match[2]),
        size=int(match[3]),
        caller=caller,
        pages=pairs.pop("pages", None),
        phys=pairs.pop("phys", None),
        flags=frozenset(flags - {"vm_area"}),
        nodes=nodes,
        page_bytes=page_bytes,
        unknown=pairs,
    )


def _address(word: str) -> int | None:
    """kptr_restrict=2 shows zeros, an early boot (ptrval)."""
    return None if word.startswith("(") else int(word, 16) or None


def read(host: Host) -> tuple[Area, ...]:
    """Read the machine's; Denied but for root.

    The kernel writes each line under the lock of its areas: with tens of thousands of them a
    read delays others' vmalloc and vfree, so look seldom.
    """
    return parse(host.read("/proc/vmallocinfo"), "/proc/vmallocinfo", host.page_bytes)
