"""/proc/zoneinfo: free pages, watermarks, counters of each zone (mm/vmstat.c, zoneinfo_show_print; sysctl/vm.rst)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from memlab.errors import Malformed
from memlab.procfs.fields import lines_of, snake
from memlab.procfs.host import Host
from memlab.units import PAGE_BYTES

_HEAD = re.compile(r"Node +([0-9]{1,10}), zone +([^ ]+) *")
_COUNT = re.compile(r"( +)([A-Za-z][\w -]*?)(:?) +([0-9]{1,20}) *", re.ASCII)
_PROTECTION = re.compile(r" +protection: \(([0-9]{1,20}(?:, [0-9]{1,20})*)\)")
_PAGES = frozenset("free boost min low high promo spanned present managed cma".split())
_ALWAYS = frozenset("free min low high spanned present".split())


@dataclass(frozen=True)
class Zone:
    """One zone of one node. Bytes, but for `counters`, `per_cpu` and `start_pfn`.

    free: not in use; min, low, high: the watermarks; below low kswapd wakes and works up to high,
    below min only the kernel's own emergencies are served; boost: added to them for a while
    after fragmentation (5.13); promo: where tiering stops (6.2); spanned: from the first to the
    last page, holes included; present: without holes; managed: without what the kernel took at
    boot (3.9); cma: set aside for devices (5.13); None where the kernel has no such line.
    protection: what stays free from requests that could have used a higher zone, by that zone.
    counters: nr_* in pages, numa_* in events, names as the kernel has them. per_cpu: the lists of
    free pages of each CPU (cpu, count, high, batch, … in pages). start_pfn: the first page
    frame; None for a zone without pages. unknown: what else was said.
    """

    node: int
    name: str
    free: int
    min: int
    low: int
    high: int
    spanned: int
    present: int
    boost: int | None = None
    promo: int | None = None
    managed: int | None = None
    cma: int | None = None
    protection: tuple[int, ...] = ()
    counters: Mapping[str, int] = field(default_factory=dict)
    per_cpu: tuple[Mapping[str, int], ...] = ()
    start_pfn: int | None = None
    unknown: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Zoneinfo:
    """zones: in the kernel's order; nodes: the counters of each node (4.8), names as in vmstat;
    page_bytes: of one page counted in them.
    """

    zones: tuple[Zone, ...]
    nodes: Mapping[int, Mapping[str, int]]
    page_bytes: int = PAGE_BYTES


def parse(text: bytes, path: str = "zoneinfo", page_bytes: int = PAGE_BYTES) -> Zoneinfo:
    """Blocks that `Node 0, zone Normal` opens; within one, the lines may stand in any order."""
    blocks: dict[tuple[int, str], _Block] = {}
    nodes: dict[int, dict[str, int]] = {}
    block: _Block | None = None
    for number, line in lines_of(text):
        head = _HEAD.fullmatch(line)
        if head is not None:
            key = int(head[1]), head[2]
            if key in blocks:
                raise Malformed(path, number, line, "is there twice")
            block = blocks[key] = _Block(nodes, key[0])
        elif block is None or not block.takes(line):
            raise Malformed(path, number, line, "is no line of a zone, or is there twice")
    if not blocks:
        raise Malformed(path, 1, "", "names no zone")
    for (node, name), block in blocks.items():
        # the kernel ends each zone that has pages with its first page frame
        cut = block.pages.get("present") and "start_pfn" not in block.other
        if cut or not block.pages.keys() >= _ALWAYS:
            raise Malformed(path, 0, "", f"has only a part of node {node}, zone {name}: it is cut")
    zones = tuple(block.zone(*key, page_bytes) for key, block in blocks.items())
    return Zoneinfo(zones, nodes, page_bytes)


class _Block:
    """The lines of one zone, as they come."""

    def __init__(self, nodes: dict[int, dict[str, int]], node: int) -> None:
        self._nodes, self._node = nodes, node
        self.pages: dict[str, int] = {}
        self.counters: dict[str, int] = {}
        self.other: dict[str, int] = {}
        self._cpus: list[dict[str, int]] = []
        self._protection: tuple[int, ...] | None = None
        self._into = self.counters

    def takes(self, line: str) -> bool:
        """Whether it is a line of a zone, and a new one."""
        word = line.strip(" ")
        if word == "per-node stats":
            self._into = self._nodes.setdefault(self._node, {})
            return not self._into
        if word == "pagesets":
            return True
        protection = _PROTECTION.fullmatch(line)
        if protection is not None:
            new = self._protection is None
            self._protection = tuple(map(int, protection[1].split(", ")))
            return new
        count = _COUNT.fullmatch(line)
        return count is not None and self._counts(len(count[1]), count[2], count[3], int(count[4]))

    def _counts(self, indent: int, name: str, colon: str, value: int) -> bool:
        if name == "pages free":
            self._into = self.counters
            name = "free"
        if name == "cpu" and colon:
            self._cpus.append({})
        into = self._into
        if colon:
            own = self._cpus and (indent > 2 or name == "vm stats threshold")
            into = self._cpus[-1] if own else self.other
        elif into is self.counters and name in _PAGES:
            into = self.pages
        name = snake(name) if " " in name else name
        new = name not in into
        into[name] = value
        return new

    def zone(self, node: int, name: str, page_bytes: int) -> Zone:
        """The record of it."""
        return Zone(
            node,
            name,
            **{key: pages * page_bytes for key, pages in self.pages.items()},
            protection=tuple(pages * page_bytes for pages in self._protection or ()),
            counters=self.counters,
            per_cpu=tuple(self._cpus),
            start_pfn=self.other.pop("start_pfn", None),
            unknown=self.other,
        )


def read(host: Host) -> Zoneinfo:
    """Read the machine's."""
    return parse(host.read("/proc/zoneinfo"), "/proc/zoneinfo", host.page_bytes)
