"""/proc/slabinfo: the kernel's own objects, by cache (mm/slab_common.c, cache_show; slabinfo(5)). Root only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memlab.errors import Malformed
from memlab.procfs.fields import lines_of
from memlab.procfs.host import Host
from memlab.units import PAGE_BYTES

_VERSION = re.compile(r"slabinfo - version: (2\.[0-9]{1,3})(?: \(statistics\))?")
# a module may call its cache what it likes: the name ends where the five numbers begin; the SLAB
# allocator with statistics writes more behind the slabs
_NUMBERS = r" +([0-9]{1,20})"
_LINE = re.compile(
    rf"(.*[^ ]){_NUMBERS * 5} : tunables(?: +[0-9]{{1,20}}){{3}}"
    rf" : slabdata{_NUMBERS * 3}(?: : globalstat.*)?"
)


@dataclass(frozen=True)
class Slab:
    """One cache. The kernel counts objects in half-empty slabs late, so active_objs may be high.

    active_objs, num_objs: objects in use, and room for; objsize: bytes of one, padding and
    debugging included; objperslab, pagesperslab: of one slab; active_slabs, num_slabs;
    page_bytes: of one page.
    """

    name: str
    active_objs: int
    num_objs: int
    objsize: int
    objperslab: int
    pagesperslab: int
    active_slabs: int
    num_slabs: int
    page_bytes: int

    @property
    def bytes(self) -> int:
        """What its slabs take from the machine."""
        return self.num_slabs * self.pagesperslab * self.page_bytes

    @property
    def active_bytes(self) -> int:
        """What is in use of that."""
        return self.active_objs * self.objsize


@dataclass(frozen=True)
class Slabinfo:
    """version of the format ("2.1"); caches in the kernel's order: two may have one name.

    Like caches are merged (slab_nomerge forbids it) and stand under the name of the first;
    objects beyond two pages are in no cache, though meminfo's Slab counts them.
    """

    version: str
    caches: tuple[Slab, ...]

    @property
    def bytes(self) -> int:
        """What all caches take from the machine."""
        return sum(cache.bytes for cache in self.caches)


def parse(text: bytes, path: str = "slabinfo", page_bytes: int = PAGE_BYTES) -> Slabinfo:
    """A line with the version, one with the columns, and one for each cache."""
    lines = lines_of(text)
    number, line = next(lines, (1, ""))
    version = _VERSION.fullmatch(line)
    if version is None:
        raise Malformed(path, number, line, "is no version of slabinfo from 2.0")
    number, line = next(lines, (2, ""))
    if not line.startswith("# name "):
        raise Malformed(path, number, line, "names no columns")
    caches = []
    for number, line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise Malformed(path, number, line, "is no cache, or is cut")
        name, *counts, _shared = match.groups()
        active, total, size, per_slab, pages, active_slabs, slabs = map(int, counts)
        caches.append(
            Slab(name, active, total, size, per_slab, pages, active_slabs, slabs, page_bytes)
        )
    return Slabinfo(version[1], tuple(caches))


def read(host: Host) -> Slabinfo:
    """Read the machine's; Denied but for root."""
    return parse(host.read("/proc/slabinfo"), "/proc/slabinfo", host.page_bytes)
