"""vmstat and memory.stat, slabinfo, buddyinfo, zoneinfo, swaps, pressure, kmemleak."""

from __future__ import annotations

import re
from collections.abc import Sequence

from memlab.model.what.glossary import TITLES, field, glossary, meaning
from memlab.model.what.machine_rules import counters_remarks, pressure_remarks, swap_remark
from memlab.model.what.types import Field, Item, Remark, alarming, normal, note
from memlab.model.what.values import both, percent
from memlab.units import KIB, PAGE_BYTES, format_bytes

_COUNTER = re.compile(r" *([a-z][a-z0-9_]*) +(\d{1,20})")
_SLAB = re.compile(
    r"(\S+) +(\d{1,15}) +(\d{1,15}) +(\d{1,9}) +(\d{1,9}) +(\d{1,9}) +"
    r": tunables +(\d+) +(\d+) +(\d+) +: slabdata +(\d{1,15}) +(\d{1,15}) +(\d+).*"
)
_BUDDY = re.compile(r"Node +(\d+), zone +(\w+)((?: +\d{1,15})+) *")
_ZONE = re.compile(r"Node +(\d+), zone +(\w+) *")
_ZONE_LINE = re.compile(r" +((?:pages free|vm stats threshold|[a-z_]+):?) +(\S.*)")
_SWAP = re.compile(r"(/.*?) +(partition|file) +(\d{1,15}) +(\d{1,15}) +(-?\d{1,9})")
_PSI = re.compile(r"(some|full) +((?:\w+=[\d.]+ *)+)")


def read_counters(lines: list[str], at: int) -> tuple[Item, int] | None:
    """`name N` lines: vmstat, or a cgroup's memory.stat, whichever knows more of the names."""
    first = _COUNTER.fullmatch(lines[at])
    if not first or not any(_knows(file, first[1]) for file in ("vmstat", "memory.stat")):
        return None
    pairs: dict[str, str] = {}
    while at < len(lines) and (match := _COUNTER.fullmatch(lines[at])) and match[1] not in pairs:
        pairs[match[1]] = match[2]
        at += 1
    return counters(pairs), at


def _knows(file: str, name: str) -> bool:
    return name in glossary()[file] or (
        name.startswith(("nr_", "pg", "thp_", "numa_", "workingset_", "total_"))
        and meaning(file, name) is not None
    )


def counters(pairs: dict[str, str]) -> Item:
    """The item of `name N` lines."""
    exact = {
        file: sum(name in glossary()[file] for name in pairs) for file in ("vmstat", "memory.stat")
    }
    file = "memory.stat" if exact["memory.stat"] > exact["vmstat"] else "vmstat"
    fields = []
    for name, value in pairs.items():
        where = file if meaning(file, name) else "vmstat" if meaning("vmstat", name) else file
        fields.append(field(where, name, value))
    numbers = {name: int(value) for name, value in pairs.items()}
    remarks = _cgroup_remarks(numbers) if file == "memory.stat" else list(counters_remarks(numbers))
    lines = "a line" if len(pairs) == 1 else f"{len(pairs)} lines"
    return Item(f"{lines} of {TITLES[file]}", tuple(fields), tuple(remarks))


def _cgroup_remarks(numbers: dict[str, int]) -> list[Remark]:
    v1 = "rss" in numbers
    anonymous = numbers.get("rss" if v1 else "anon")
    cache, shmem = numbers.get("cache" if v1 else "file"), numbers.get("shmem", 0)
    if anonymous is None or cache is None:
        return []
    remarks = [
        note(
            f"cgroup v{1 if v1 else 2}: {both(anonymous)} anonymous, {both(cache)} page cache, of "
            f"it {both(shmem)} shared memory"
        )
    ]
    if anonymous > cache - shmem:
        remarks.append(
            note(
                "mostly anonymous or shared memory: without swap nothing of that can be reclaimed, only killed"
            )
        )
    else:
        remarks.append(normal("mostly page cache: the kernel drops it when the limit comes near"))
    return remarks


def read_slabinfo(lines: list[str], at: int) -> tuple[Item, int] | None:
    """Rows of slabinfo; the values are of the cache that takes most."""
    after, rows = at, []
    if lines[after].startswith("slabinfo - version"):
        after += 1
    if after < len(lines) and lines[after].startswith("# name "):
        after += 1
    while after < len(lines) and (match := _SLAB.fullmatch(lines[after].strip())):
        rows.append(match.groups())
        after += 1
    if after == at:
        return None
    names = list(glossary()["slabinfo"])
    row = max(rows, key=_slab_bytes, default=("",) * len(names))
    fields = tuple(field("slabinfo", name, value) for name, value in zip(names, row, strict=True))
    return Item(
        f"{len(rows)} cache{'s' * (len(rows) != 1)} of /proc/slabinfo",
        fields,
        tuple(_slab_remarks(rows)),
    ), after


def _slab_bytes(row: Sequence[str]) -> int:
    return int(row[10]) * int(row[5]) * PAGE_BYTES


def _slab_remarks(rows: Sequence[Sequence[str]]) -> list[Remark]:
    remarks = [note("values above: the cache that takes most memory")] if len(rows) > 1 else []
    for row in sorted(rows, key=_slab_bytes, reverse=True)[:3]:
        if _slab_bytes(row):
            used = percent(int(row[1]), int(row[2]))
            remarks.append(
                note(
                    f"{row[0]}: {both(_slab_bytes(row))} in {int(row[10]):,} slabs, {used:.0f} % of its "
                    f"objects in use"
                )
            )
            if used < 50 and _slab_bytes(row) > 1024 * KIB:
                remarks.append(
                    note(
                        f"{row[0]}: half empty slabs; memory that was needed once and is held by a few objects"
                    )
                )
    if rows:
        remarks.append(
            note(
                "a kernel leak is a cache whose active_objs only rises; dentry and inode caches grow "
                "by themselves and can be dropped"
            )
        )
    return remarks


def read_buddyinfo(lines: list[str], at: int) -> tuple[Item, int] | None:
    """Rows of buddyinfo; the values are of the first."""
    rows = []
    while at < len(lines) and (match := _BUDDY.fullmatch(lines[at])):
        rows.append((match[1], match[2], [int(word) for word in match[3].split()]))
        at += 1
    if not rows:
        return None
    node, zone, counts = rows[0]
    fields = [field("buddyinfo", "node", node), field("buddyinfo", "zone", zone)]
    for order, count in enumerate(counts):
        size = format_bytes(PAGE_BYTES << min(order, 40))
        fields.append(field("buddyinfo", f"order {order}", f"{count:,} of {size}", unit="text"))
    remarks = [note("values above: the first zone")] if len(rows) > 1 else []
    for node, zone, counts in rows:
        free = sum(count << order for order, count in enumerate(counts[:41])) * PAGE_BYTES
        large = sum(counts[4:])
        where = f"node {node}, {zone}: {both(free)} free"
        if free and not large:
            remarks.append(
                alarming(
                    f"{where}, all in blocks below {format_bytes(PAGE_BYTES << 4)}: fragmented, large "
                    f"blocks need moving first"
                )
            )
        else:
            remarks.append(
                normal(f"{where}, {large:,} blocks of {format_bytes(PAGE_BYTES << 4)} or more")
            )
    return Item(
        f"{len(rows)} zone{'s' * (len(rows) != 1)} of /proc/buddyinfo",
        tuple(fields),
        tuple(remarks),
    ), at


def read_zoneinfo(lines: list[str], at: int) -> tuple[Item, int] | None:
    """One zone of zoneinfo, with what follows it."""
    match = _ZONE.fullmatch(lines[at])
    if match is None:
        return None
    after = at + 1
    fields: list[Field] = []
    numbers: dict[str, int] = {}
    while after < len(lines):
        line = lines[after]
        found = _ZONE_LINE.fullmatch(line)
        if found is None and line.strip() not in ("per-node stats", "pagesets"):
            break
        after += 1
        if found is None:
            continue
        name, value = found[1].removesuffix(":"), found[2].strip()
        if name in ("cpu", "count", "high_min", "high_max", "batch") or (
            name == "high" and found[1].endswith(":")
        ):
            name = "high:" if name == "high" else name
            if any(known.name == name for known in fields):
                continue  # the same for each processor
        file = "zoneinfo" if meaning("zoneinfo", name) else "vmstat"
        fields.append(field(file, name, value))
        if value.isdecimal() and len(value) < 19:
            numbers.setdefault(name, int(value))
    return Item(
        f"one zone of /proc/zoneinfo: node {match[1]}, {match[2]}",
        tuple(fields),
        tuple(_zone_remarks(numbers)),
    ), after


def _zone_remarks(numbers: dict[str, int]) -> list[Remark]:
    free = numbers.get("pages free")
    if free is None or not {"min", "low", "high"} <= numbers.keys():
        return []
    return [
        mark_remark(
            free * PAGE_BYTES, *(numbers[name] * PAGE_BYTES for name in ("min", "low", "high"))
        )
    ]


def mark_remark(free: int, least: int, low: int, high: int) -> Remark:
    """On the free memory of a zone beside its marks; bytes."""
    if free < least:
        return alarming(
            f"free {both(free)} is below min {both(least)}: only urgent kernel allocations succeed here"
        )
    if free < low:
        return alarming(f"free {both(free)} is below low {both(low)}: kswapd reclaims")
    if free < high:
        return note(f"free {both(free)} is between low and high: kswapd goes on if it was awake")
    return normal(f"free {both(free)} is above high {both(high)}: no reclaim in this zone")


def read_swaps(lines: list[str], at: int) -> tuple[Item, int] | None:
    """/proc/swaps, with its heading or without."""
    headed = lines[at].split() == ["Filename", "Type", "Size", "Used", "Priority"]
    after, rows = at + headed, []
    while after < len(lines) and (match := _SWAP.fullmatch(lines[after].strip())):
        rows.append(match.groups())
        after += 1
    if not rows and not headed:
        return None
    names = list(glossary()["swaps"])
    fields = [
        field("swaps", name, value)
        for row in rows or [("",) * 5]
        for name, value in zip(names, row, strict=True)
    ]
    used, size = (sum(int(row[n]) for row in rows) * KIB for n in (3, 2))
    return Item(
        f"{len(rows)} swap area{'s' * (len(rows) != 1)} of /proc/swaps",
        tuple(fields),
        (swap_remark(used, size),),
    ), after


def read_pressure(lines: list[str], at: int) -> tuple[Item, int] | None:
    """One line of a pressure file."""
    match = _PSI.fullmatch(lines[at].strip())
    if match is None:
        return None
    pairs = [word.partition("=")[::2] for word in match[2].split()]
    fields = [field("pressure", match[1], "")]
    fields += [
        field("pressure", name, f"{value} %" if name != "total" else value) for name, value in pairs
    ]
    numbers = {
        name: float(value) for name, value in pairs if re.fullmatch(r"\d{1,20}(\.\d*)?", value)
    }
    return Item(
        f"pressure stall information: {match[1]}",
        tuple(fields),
        tuple(pressure_remarks(numbers, match[1])),
    ), at + 1


_LEAK = re.compile(
    r" *unreferenced object (0x[0-9a-f]+|\(?_*ptrval_*\)?|[0-9a-f]+) \(size (\d{1,15})\):"
)
_COMM = re.compile(r' *comm "(.*)", pid (-?\d+), jiffies (\d+)(?: \(age ([^)]*)\))?')
_DUMP = re.compile(r" *(?:hex dump \(first (\d+) bytes\):|(?:[0-9a-f]{2} ){1,32} .*)")
_TRACE = re.compile(
    r" *(?:backtrace(?: \(crc ([0-9a-f]+)\))?:|(?:\[<.*>\] ?)?\S+\+0x[0-9a-f]+/0x[0-9a-f]+.*|\[<.*>\] .*)"
)


def read_kmemleak(lines: list[str], at: int) -> tuple[Item, int] | None:
    """One object of a kmemleak report."""
    match = _LEAK.fullmatch(lines[at])
    if match is None:
        return None
    fields = [
        field("kmemleak", "unreferenced object", match[1]),
        field("kmemleak", "size", match[2]),
    ]
    calls: list[str] = []
    dump = 0
    after = at + 1
    while after < len(lines):
        line = lines[after]
        if found := _COMM.fullmatch(line):
            names = ("comm", "pid", "jiffies", "age")
            fields += [
                field("kmemleak", name, value)
                for name, value in zip(names, found.groups(), strict=True)
                if value
            ]
        elif _DUMP.fullmatch(line):
            dump += 1
        elif found := _TRACE.fullmatch(line):
            if found[1]:
                fields.append(field("kmemleak", "crc", found[1]))
            elif "+0x" in line:
                calls.append(line.strip())
        else:
            break
        after += 1
    if dump:
        fields.append(field("kmemleak", "hex dump", f"{dump} lines"))
    if calls:
        fields.append(
            field(
                "kmemleak",
                "backtrace",
                calls[0].split("] ")[-1] + (f" and {len(calls) - 1} more" if calls[1:] else ""),
            )
        )
    remarks = [
        alarming("nothing in the kernel's memory points to it: nobody can free it any more"),
        note(
            "false alarms are possible where a pointer is kept in another form: scan again (echo "
            "scan), and see whether there are ever more of the same backtrace"
        ),
    ]
    return Item(
        f"kmemleak: one unreferenced object of {match[2]} bytes", tuple(fields), tuple(remarks)
    ), after


READERS = (
    read_zoneinfo,
    read_buddyinfo,
    read_slabinfo,
    read_swaps,
    read_pressure,
    read_kmemleak,
    read_counters,
)
