"""What to think of the machine's numbers: meminfo, free, vmstat, swap, pressure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from memlab.model.what.types import Remark, alarming, normal, note
from memlab.model.what.values import both, percent

# Lines of common practice, not of the kernel: it kills when nothing can be reclaimed, not at a percentage
_SHORT_PERCENT = 5
_LARGE_PERCENT = 10


def available_remark(available: float, total: float) -> Remark:
    """On MemAvailable."""
    share = percent(available, total)
    if share < _SHORT_PERCENT:
        return alarming(
            f"MemAvailable is {share:.1f} % of the memory, less than {_SHORT_PERCENT} %: soon "
            f"swapping, or the OOM killer"
        )
    return normal(
        f"MemAvailable is {share:.0f} % of the memory: "
        f"{'enough' if share >= 2 * _SHORT_PERCENT else 'not much'} for new programs"
    )


def swap_remark(used: float, total: float) -> Remark:
    """On swap in use."""
    if not total:
        return note("no swap: anonymous memory can go nowhere, the OOM killer comes the sooner")
    share = percent(used, total)
    if share > 90:
        return alarming(f"swap is {share:.0f} % full")
    if used:
        return note(
            f"swap is {share:.0f} % used: harmless where it lies still; si and so in vmstat tell whether it moves"
        )
    return normal("swap is not used")


def meminfo_remarks(texts: Mapping[str, str], sizes: Mapping[str, int]) -> Iterator[Remark]:
    """Remarks on lines of meminfo; sizes in bytes."""
    total = sizes.get("MemTotal", 0)
    if total and "MemAvailable" in sizes:
        yield available_remark(sizes["MemAvailable"], total)
    if "SwapTotal" in sizes and "SwapFree" in sizes:
        yield swap_remark(sizes["SwapTotal"] - sizes["SwapFree"], sizes["SwapTotal"])
    yield from _commitment(sizes)
    if total:
        yield from _shares(sizes, total)
    if sizes.get("HardwareCorrupted"):
        yield alarming(
            f"HardwareCorrupted {both(sizes['HardwareCorrupted'])}: a memory module is failing"
        )
    pages, free = texts.get("HugePages_Total", "0"), texts.get("HugePages_Free", "0")
    if pages.isdecimal() and free.isdecimal() and len(pages) < 19 and int(pages):
        unused = f", {int(free):,} of them unused" if int(free) else ""
        yield note(f"{int(pages):,} huge pages are reserved: nobody else can use them{unused}")


def _commitment(sizes: Mapping[str, int]) -> Iterator[Remark]:
    promised, limit = sizes.get("Committed_AS"), sizes.get("CommitLimit")
    if promised is None or limit is None:
        return
    if promised > limit:
        yield alarming(
            f"Committed_AS is above CommitLimit ({percent(promised, limit):.0f} %): more is "
            f"promised than could be given. "
            "Refused only with vm.overcommit_memory = 2; else it is a warning if programs begin to touch it"
        )
    else:
        yield normal(f"Committed_AS is {percent(promised, limit):.0f} % of CommitLimit")


def _shares(sizes: Mapping[str, int], total: int) -> Iterator[Remark]:
    for name, advice in (
        ("SUnreclaim", "look which cache grows: slabtop, /proc/slabinfo"),
        ("Shmem", "look at df of tmpfs, ipcs -m, memfd in /proc/PID/fd: no process need hold it"),
        ("PageTables", "much mapped by many processes; huge pages would help"),
        ("KernelStack", "very many threads"),
        ("Unevictable", "locked memory: see VmLck of the processes"),
        ("VmallocUsed", "see /proc/vmallocinfo for who"),
        ("Percpu", "many cgroups, networks or BPF maps"),
    ):
        share = percent(sizes.get(name, 0), total)
        if share >= _LARGE_PERCENT:
            yield alarming(f"{name} is {share:.0f} % of the memory ({both(sizes[name])}): {advice}")
    if "AnonPages" in sizes:
        yield note(
            f"AnonPages is {percent(sizes['AnonPages'], total):.0f} % of the memory: heaps and "
            f"stacks of all processes"
        )
    if "SUnreclaim" in sizes and percent(sizes["SUnreclaim"], total) < _LARGE_PERCENT:
        yield normal(
            f"SUnreclaim is {percent(sizes['SUnreclaim'], total):.1f} % of the memory; watch whether it only rises"
        )
    if (
        percent(sizes.get("MemFree", total), total) < _SHORT_PERCENT
        and percent(sizes.get("MemAvailable", 0), total) >= _LARGE_PERCENT
    ):
        yield normal(
            "MemFree is small while MemAvailable is not: free memory is used as cache, as it should be"
        )
    if percent(sizes.get("Dirty", 0), total) >= _LARGE_PERCENT:
        yield alarming(f"Dirty is {both(sizes['Dirty'])}: writers wait for slow disks")


def free_remarks(rows: Mapping[str, Mapping[str, float]]) -> Iterator[Remark]:
    """Remarks on the rows of free, or of top's summary; any unit, the same within a row."""
    memory, swap = rows.get("Mem", {}), rows.get("Swap", {})
    if memory.get("total") and "available" in memory:
        yield available_remark(memory["available"], memory["total"])
        if (
            percent(memory.get("free", memory["total"]), memory["total"])
            < _SHORT_PERCENT
            <= percent(memory["available"], memory["total"])
        ):
            yield normal(
                "little is free because it caches files: `available` is the number to watch"
            )
    if memory.get("total") and percent(memory.get("shared", 0), memory["total"]) >= _LARGE_PERCENT:
        yield alarming(
            f"shared is {percent(memory['shared'], memory['total']):.0f} % of the memory: tmpfs or "
            f"shared memory, which the cache column hides"
        )
    if "total" in swap and "used" in swap:
        yield swap_remark(swap["used"], swap["total"])


def vmstat_tool_remarks(rows: Sequence[Mapping[str, int]]) -> Iterator[Remark]:
    """Remarks on rows of the tool vmstat."""
    if not rows:
        return
    later = rows[1:] or rows
    if len(rows) > 1:
        yield note("the first row is a mean since boot; the others are of their interval")
    if any(row.get("si") for row in later):
        yield alarming(
            f"si up to {max(row.get('si', 0) for row in later):,} KiB/s: pages come back from swap, "
            f"so programs wait: memory is short"
        )
    if any(row.get("so") for row in later):
        yield alarming(
            f"so up to {max(row.get('so', 0) for row in later):,} KiB/s: memory is being pushed out to swap"
        )
    if all("si" in row and "so" in row for row in later) and not any(
        row["si"] or row["so"] for row in later
    ):
        yield normal("si and so are 0: nothing moves between memory and swap, whatever swpd is")
    if any(row.get("wa", 0) >= 20 for row in later):
        yield note(
            f"wa up to {max(row.get('wa', 0) for row in later)} %: the processors idle while disks work"
        )


def counters_remarks(counts: Mapping[str, int]) -> Iterator[Remark]:
    """Remarks on /proc/vmstat: counters since boot."""
    if counts.get("oom_kill"):
        yield alarming(
            f"oom_kill {counts['oom_kill']:,}: so often since boot a process was killed for memory; "
            f"dmesg has the reports"
        )
    stalls = sum(count for name, count in counts.items() if name.startswith("allocstall"))
    if stalls:
        yield note(
            f"allocstall {stalls:,} in sum: so often since boot somebody had to reclaim memory before getting some"
        )
    if counts.get("pswpin") or counts.get("pswpout"):
        yield note(
            "pswpin or pswpout is not 0: there was swapping since boot; two looks tell whether there is now"
        )
    if len(counts) > 1:
        yield note(
            "most are counts since boot: only the difference of two looks means something; nr_* are now"
        )


def pressure_remarks(averages: Mapping[str, float], kind: str) -> Iterator[Remark]:
    """Remarks on one line of a pressure file."""
    now = averages.get("avg10", 0.0)
    if kind == "full" and now > 0:
        yield alarming(
            f"full {now:g} %: for that share of the last ten seconds nothing got done at all"
        )
    elif now >= 10:
        yield alarming(f"some {now:g} %: somebody waited for that share of the last ten seconds")
    elif now > 0:
        yield note(f"{kind} {now:g} % of the last ten seconds were waited")
    else:
        yield normal(f"{kind}: nobody waited in the last ten seconds")
    if "total" in averages and "avg10" in averages:
        yield note("which resource (memory, io, cpu) the file's name tells, not the line")
