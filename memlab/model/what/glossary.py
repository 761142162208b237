"""The tables of `fields` as one dictionary: what a name means in a file, and in all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from memlab.model.what.fields import (
    hints,
    lists,
    machine,
    meminfo,
    oom,
    process,
    smaps,
    status,
    tools,
    vmstat,
)
from memlab.model.what.types import Field, Remark, alarming
from memlab.model.what.values import whole, worded
from memlab.procfs.fields import snake


@dataclass(frozen=True)
class Meaning:
    """One field of one file: unit as in the text (kB, pages, bytes, ticks, count, …)."""

    file: str
    name: str
    unit: str
    text: str
    source: str


# a short name, how the file is called, its table; the order is that of answers to a bare name
_TABLES = (
    ("maps", "/proc/PID/maps, /proc/PID/smaps", smaps.MAPS),
    ("names", "a mapping's name in /proc/PID/maps", smaps.NAMES),
    ("smaps", "/proc/PID/smaps, smaps_rollup", smaps.SMAPS),
    ("VmFlags", "VmFlags in /proc/PID/smaps", smaps.VMFLAGS),
    ("status", "/proc/PID/status", status.STATUS),
    ("stat", "/proc/PID/stat", process.STAT),
    ("statm", "/proc/PID/statm", process.STATM),
    ("oom", "/proc/PID/oom_*", process.OOM_FILES),
    ("limits", "/proc/PID/limits", lists.LIMITS),
    ("numa_maps", "/proc/PID/numa_maps", lists.NUMA_MAPS),
    ("meminfo", "/proc/meminfo", meminfo.MEMINFO),
    ("vmstat", "/proc/vmstat", vmstat.VMSTAT),
    ("zoneinfo", "/proc/zoneinfo", machine.ZONEINFO),
    ("buddyinfo", "/proc/buddyinfo", machine.BUDDYINFO),
    ("slabinfo", "/proc/slabinfo", machine.SLABINFO),
    ("swaps", "/proc/swaps", machine.SWAPS),
    ("pressure", "/proc/pressure/*", machine.PSI),
    ("memory.stat", "a memory cgroup's memory.stat", oom.MEMCG),
    ("pidstat", "pidstat -r", tools.PIDSTAT),
    ("top", "top", tools.TOP),
    ("top head", "top, summary area", tools.TOP_HEAD),
    ("smem", "smem", tools.SMEM),
    ("ps", "ps", tools.PS),
    ("pmap", "pmap", tools.PMAP),
    ("free", "free", tools.FREE),
    ("vmstat tool", "vmstat (the tool)", tools.VMSTAT_TOOL),
    ("ipcs", "ipcs -m", lists.IPCS),
    ("invoked", "OOM report, first line", oom.INVOKED),
    ("gfp", "OOM report, gfp_mask", oom.GFP),
    ("Mem-Info", "OOM report, Mem-Info and zones", oom.MEM_INFO),
    ("limit", "OOM report, a cgroup's limit", oom.LIMIT),
    ("tasks", "OOM report, table of tasks", oom.TASKS),
    ("kill", "OOM report, victim", oom.KILL),
    ("call trace", "OOM report, call trace", oom.STACK),
    ("kmemleak", "/sys/kernel/debug/kmemleak", machine.KMEMLEAK),
)
TITLES = {file: title for file, title, _ in _TABLES}


@cache
def glossary() -> dict[str, dict[str, Meaning]]:
    """By file (the short names), then by field name."""
    return {file: dict(_rows(file, table)) for file, _, table in _TABLES}


def _rows(file: str, table: str) -> list[tuple[str, Meaning]]:
    joined: list[str] = []
    for line in table.strip().splitlines():
        if line.startswith("  "):
            joined[-1] += " " + line.strip()
        else:
            joined.append(line)
    source, rows = "", []
    for line in joined:
        if line.startswith("@ "):
            source = line[2:]
            continue
        name, unit, text = line.split(" | ", 2)
        rows.append((name, Meaning(file, name, unit, text, source)))
    return rows


def meaning(file: str, name: str) -> Meaning | None:
    """Of this very name, else of its family; None where nobody has written one."""
    table = glossary()[file]
    if name in table:
        return table[name]
    families = (found for family, found in table.items() if family.endswith("*"))
    return next((found for found in families if fnmatchcase(name, found.name)), None)


def field(file: str, name: str, raw: str, label: str = "", unit: str = "") -> Field:
    """A row; a name that nobody has explained is shown all the same, and says so."""
    found = meaning(file, name)
    if found is None:
        text = f"not known here: newer than Linux 6.18, or a vendor's; {TITLES[file]} has it"
        return Field(label or name, raw, text, "")
    return Field(label or name, worded(raw, unit or found.unit), found.text, found.source)


def impossible(file: str, texts: Mapping[str, str]) -> list[Remark]:
    """On sizes and counts that no kernel prints so: they were changed, or are of something else."""
    remarks = []
    for key, text in texts.items():
        found, number = meaning(file, key), whole(text)
        if found is None or found.unit not in ("kB", "count") or not text:
            continue
        if number is None or (found.unit == "kB" and number < 0):
            wanted = "a size in kB" if found.unit == "kB" else "a whole number"
            remarks.append(
                alarming(f"the kernel writes no {key} like this: {text!r} is not {wanted}")
            )
    return remarks


def everywhere(name: str) -> tuple[Meaning, ...]:
    """All that has this name: `Pss`, `VmRSS`, `VmFlags rd`, `meminfo Cached`; () for none.

    Letters in their case first; then in any case, and in snake case (`vm_rss`).
    """
    name = " ".join(name.split()).removesuffix(":")
    file, _, rest = name.rpartition(" ")
    if file.rpartition("/")[2] in glossary() and rest:
        found = meaning(file.rpartition("/")[2], rest)
        return (found,) if found else ()
    exact = _with(lambda known: known == name)
    if exact and len(name) < 3:
        return exact  # two letters in another case are another thing
    folded = name.casefold()
    loose = _with(lambda known: known != name and folded in (known.casefold(), snake(known)))
    if name.startswith("["):
        families = (m for m in glossary()["names"].values() if m.name.endswith("*]"))
        return exact or loose or tuple(m for m in families if name.startswith(m.name[:-2]))
    if exact or loose or not name.isidentifier():
        return exact + loose
    families = (
        found for found in glossary()["vmstat"].values() if found.name not in ("nr_*", name)
    )
    return tuple(m for m in families if m.name.endswith("*") and fnmatchcase(name, m.name))[:1]


def _with(wanted: Callable[[str], bool]) -> tuple[Meaning, ...]:
    return tuple(
        found for table in glossary().values() for found in table.values() if wanted(found.name)
    )


@cache
def _hints() -> dict[tuple[str, str], str]:
    found = {}
    for line in hints.HINTS.strip().splitlines():
        file, name, text = line.split(" | ", 2)
        found[file, name] = text
    return found


def hint(file: str, name: str) -> str | None:
    """What is normal and what is alarming in this field, in general."""
    return _hints().get((file, name))


def names() -> Iterator[str]:
    """Of all fields, as they are written."""
    return (name for table in glossary().values() for name in table)
