"""What kmemleak finds, when, and what it misses; and who finds the rest: slub_debug=U and page_owner."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from memlab.lab.guest import guest
from memlab.lab.guest.driver import Guest
from memlab.lab.guest.labs.result import Result, table
from memlab.lab.guest.packages import Say
from memlab.model.recording import Recording
from memlab.procfs import kmemleak

NEEDS_FULL = True
OBJECTS = 64  # of each kind
_FILE = "/sys/kernel/debug/kmemleak"
# an object is not reported before it is so old (mm/kmemleak.c, MSECS_MIN_AGE), so that who has just made it can use it
_MIN_AGE = 5.0
_KINDS = {
    "kmalloc, zeroed": ("leak_kmalloc", {"kmalloc_kb": OBJECTS}),
    "kmalloc, dirty": ("leak_kmalloc", {"kmalloc_kb": OBJECTS, "dirty": 1}),
    "vmalloc": ("leak_vmalloc", {"vmalloc_kb": OBJECTS * 16}),
    "alloc_pages": ("leak_pages", {"pages_kb": OBJECTS * 4}),
    "kept in a list": ("leak_kept", {"kept_kb": OBJECTS}),
    "a stale number points": ("leak_stale", {"stale_kb": OBJECTS}),
}


@dataclass(frozen=True)
class Row:
    """Of the OBJECTS of one kind: how many kmemleak reports at once, at its first scan after five seconds, at the
    second, and after rmmod; and how many SLUB's traces and page_owner name.
    """

    kind: str
    at_once: int
    first: int
    second: int
    after_rmmod: int
    slub: int
    pages: int


@dataclass(frozen=True)
class Measured:
    """The rows, one report in kmemleak's own words, and what the guest left."""

    release: str
    rows: tuple[Row, ...]
    example: str
    recording: Recording
    log: str


def measure(kernel: str, say: Say) -> Measured:
    """One guest; each kind of leak in a module load of its own."""
    with guest(kernel, append="slub_debug=U page_owner=on") as g:
        say(f"Linux {g.kernel.release} has booted in {g.boot_seconds:.1f} s")
        g.sh(f"echo scan=off > {_FILE}")  # its own thread would scan between ours
        rows, example = [], ""
        for kind, (function, parameters) in _KINDS.items():
            row, text = _one(g, kind, function, parameters)
            rows.append(row)
            example = example or text
            say(f"{kind}: {row.second} of {OBJECTS} found")
        return Measured(g.kernel.release, tuple(rows), example, g.recording, g.dmesg())


def run(kernel: str, say: Say) -> Result:
    """The same as a table."""
    found = measure(kernel, say)
    head = ("", "at once", "1st scan", "2nd scan", "after rmmod", "slub_debug=U", "page_owner")
    cells = [
        (
            row.kind,
            *map(str, (row.at_once, row.first, row.second, row.after_rmmod, row.slub, row.pages)),
        )
        for row in found.rows
    ]
    lines = [
        f"Linux {found.release}: {OBJECTS} objects of each kind, nobody will ever free them",
        "",
        *table(head, cells),
        "",
        "at once: scanned right after the leak; 1st, 2nd: more than 5 s later; the last two: after the 2nd scan",
        "an object is reported when two scans find it unreferenced and unchanged, and it is older than 5 s",
        "",
        "one report, in kmemleak's own words:",
        *("  " + line for line in found.example.splitlines()),
    ]
    return Result(tuple(lines), found.recording, found.log)


def _one(g: Guest, kind: str, function: str, parameters: dict[str, int]) -> tuple[Row, str]:
    g.sh(f"echo clear > {_FILE}")
    g.load("kleak", size=1024, **parameters)
    at_once = _count(_scan(g), function)
    time.sleep(_MIN_AGE + 1)
    first = _count(_scan(g), function)
    text = _scan(g)
    second = _count(text, function)
    slub = _in_slub(g, function)
    pages = int(g.run(f"grep -c '{function}+' /sys/kernel/debug/page_owner", 120).text or 0)
    g.unload("kleak")
    _scan(g)
    # kallsyms forgets the module's functions: what is new and of our size is ours
    after = [one for one in kmemleak.parse(_scan(g).encode()) if one.size in (1024, 16384)]
    return Row(kind, at_once, first, second, len(after), slub, pages), _first(text, function)


def _scan(g: Guest) -> str:
    """Scan, and what it reports so far: the write returns when the scan is over."""
    return g.sh(f"echo scan > {_FILE}; cat {_FILE}", 300)


def _count(text: str, function: str) -> int:
    return sum(
        any(frame.startswith(f"{function}+") for frame in one.backtrace)
        for one in kmemleak.parse(text.encode())
    )


def _first(text: str, function: str) -> str:
    """The first block of the report that names the function."""
    blocks = re.split(r"^(?=unreferenced object)", text, flags=re.MULTILINE)
    return next((block.rstrip() for block in blocks if f"{function}+" in block), "")


def _in_slub(g: Guest, function: str) -> int:
    """Objects by who asked, of the cache of 1 KiB: "    64 leak_kmalloc+0x…"."""
    text = g.run("cat /sys/kernel/debug/slab/kmalloc-1k/alloc_traces", 120).text
    found = re.findall(rf"^ *([0-9]+) (?:waste=\S+ )?{function}\+", text, re.MULTILINE)
    return sum(map(int, found))
