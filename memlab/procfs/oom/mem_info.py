"""The lines of Mem-Info, the machine's memory in an OOM report (show_mem, mm/show_mem.c)."""

from __future__ import annotations

import re

from memlab.procfs.oom.records import MemLine

_STUCK = re.compile(r"all_unreclaimable\? (yes|no)")
_COUNT = re.compile(r"([a-z][\w()?]{0,63}):\s?(-?\d{1,18}(?:kB|KB)?|yes|no)(?=\s|$)")
_ZONE = re.compile(
    r"((?:Node \d+ )?(?:DMA\d*|Normal|HighMem|Movable|Device|Node \d+)) "
    r"((?:free|active|active_anon|inactive_anon):.*)"
)
_MEM_INFO = re.compile(
    r" *(?:Mem-[Ii]nfo:|(?:\w+ )*per-cpu:|(?:[aA]ctive|active_anon|active_file|unevictable|slab_reclaimable"
    r"|mapped|sec_pagetables|kernel_misc_reclaimable|free|dirty|slab|inactive_anon)[\w()]*:\d+.*)"
)
_LOWMEM = re.compile(r" *lowmem_reserve\[\]: ([\d ]+)")
_BLOCKS = re.compile(r" *((?:Node \d+ )?\w+): ((?:\d+\*\d+kB(?: \([UMERHCI]+\))? ?)+)= (\d+)kB")
_HUGE = re.compile(r" *Node \d+ ((?:hugepages_\w+=\w+ ?)+)")
_PAGES = re.compile(
    r" *(\d{1,18}) (total pagecache pages|pages in swap cache|pages RAM|pages of RAM|pages HighMem/MovableOnly"
    r"|pages reserved|pages cma reserved|pages hwpoisoned|pages shared"
    r"|pages swap cached|free pages|reserved pages|slab pages)"
)
_SWAP = re.compile(r" *(Free swap|Total swap) += (\d{1,18})kB")
_CACHE = re.compile(r" *(Swap cache)(?: stats)?: (add.*)")
_CPU = re.compile(r" *CPU +(\d+): (.*usd.*)")


def read(line: str) -> MemLine | None:
    """The line's kind, whose it is (a zone, a CPU), and its values as printed, in order."""
    if found := _ZONE.fullmatch(line.strip()):
        stuck = [("all_unreclaimable?", word) for word in _STUCK.findall(found[2])]
        return MemLine("zone", found[1], (*_COUNT.findall(found[2]), *stuck))
    if _MEM_INFO.fullmatch(line):
        return MemLine("counts", "", tuple(_COUNT.findall(line.replace("Active:", "active:"))))
    if found := _LOWMEM.fullmatch(line):
        return MemLine("lowmem", "", (("lowmem_reserve", found[1]),))
    if found := _BLOCKS.fullmatch(line):
        return MemLine("blocks", found[1], (("order N", found[2].strip()),))
    if found := _HUGE.fullmatch(line):
        words = (word.partition("=") for word in found[1].split())
        return MemLine("huge", "", tuple((name, value) for name, _, value in words))
    if found := _PAGES.fullmatch(line):
        return MemLine("pages", "", ((found[2], found[1]),))
    if found := _SWAP.fullmatch(line):
        return MemLine("swap", "", ((found[1], f"{found[2]} kB"),))
    if found := _CACHE.fullmatch(line):
        return MemLine("cache", "", ((found[1], found[2]),))
    if found := _CPU.fullmatch(line):
        return MemLine("cpu", found[1], tuple(_COUNT.findall(found[2].replace(",", " "))))
    return None
