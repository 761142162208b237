"""What to think of the numbers of a process: status, stat, statm, and rows of pidstat, top and ps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from memlab.model.what.types import Remark, alarming, normal, note
from memlab.model.what.values import both, kilobytes, percent
from memlab.units import KIB, MIB, PAGE_BYTES

_STATES = {
    "D": alarming(
        "state D: waits for a disk or a lock and cannot be killed now; long in D is a fault of "
        "disk, network file system or kernel"
    ),
    "Z": note("state Z, zombie: has ended, holds no memory; its parent should wait for it"),
    "T": note("state T: stopped; its memory stays, and is the first to go to swap"),
}


def status_remarks(texts: Mapping[str, str], sizes: Mapping[str, int]) -> Iterator[Remark]:
    """Remarks on lines of status; sizes are in bytes."""
    state = texts.get("State", "")[:1]
    if state in _STATES:
        yield _STATES[state]
    if "Name" in texts and "VmSize" not in sizes and len(texts) > 10:
        yield normal("no Vm lines: a kernel thread or a zombie, which have no memory of their own")
    rss, peak, size = sizes.get("VmRSS", 0), sizes.get("VmHWM"), sizes.get("VmSize")
    if rss and size:
        yield _untouched(size, rss)
    if rss and peak:
        if peak > 2 * rss:
            yield note(
                f"VmHWM is {peak / rss:.1f} times VmRSS: it once had {both(peak)} and gave most of it back"
            )
        elif rss >= 0.98 * peak:
            yield note(
                "VmRSS is at its highest ever (VmHWM): it is growing, or has only just stopped; look again"
            )
    parts = [sizes.get(name) for name in ("RssAnon", "RssFile", "RssShmem")]
    if rss and None not in parts:
        yield _parts(rss, [part or 0 for part in parts])
    if sizes.get("VmSwap"):
        yield note(f"{both(sizes['VmSwap'])} of it are in swap: judge growth by VmRSS + VmSwap")
    if sizes.get("VmPTE", 0) > max(rss, 1) / 10 and sizes.get("VmPTE", 0) > MIB:
        yield alarming(
            f"page tables of {both(sizes['VmPTE'])} beside {both(rss)} of memory: much mapped, little used"
        )
    for name, what in (
        ("VmLck", "locked"),
        ("VmPin", "pinned"),
        ("HugetlbPages", "in reserved huge pages, not in VmRSS"),
    ):
        if sizes.get(name):
            yield note(f"{name}: {both(sizes[name])} {what}")


def _untouched(virtual: int, rss: int) -> Remark:
    share = percent(rss, virtual)
    if virtual > 10 * rss:
        return normal(
            f"only {share:.1f} % of the address space is in memory: usual for many threads, Java, "
            f"Go and sanitizers; "
            "VSZ alone is no memory use"
        )
    return normal(f"{share:.0f} % of the address space is in memory")


def _parts(rss: int, parts: Sequence[int]) -> Remark:
    anon, file, shmem = parts
    shares = (
        f"VmRSS is {percent(anon, rss):.0f} % anonymous (its own), {percent(file, rss):.0f} % "
        f"files (can be dropped), "
        f"{percent(shmem, rss):.0f} % shared memory"
    )
    if sum(parts) != rss:
        return note(
            f"{shares}; the parts sum up to {kilobytes(sum(parts))}, not {kilobytes(rss)}: edited, "
            f"or cut from two moments"
        )
    return normal(f"{shares}; the three sum up")


def stat_remarks(values: Mapping[str, str]) -> Iterator[Remark]:
    """Remarks on a stat line."""
    if values["state"] in _STATES:
        yield _STATES[values["state"]]
    virtual, rss = int(values["vsize"]), int(values["rss"]) * PAGE_BYTES
    if virtual and rss > 0:
        yield _untouched(virtual, rss)
    if not virtual:
        yield normal("vsize 0: a kernel thread or a zombie, which have no memory of their own")
    minor, major = int(values["minflt"]), int(values["majflt"])
    yield normal(
        f"{minor:,} minor page faults since its start are at most about "
        f"{both(minor * PAGE_BYTES)} touched for the first time, "
        f"were all pages small; {major:,} major ones waited for a disk"
    )


def statm_remarks(pages: Mapping[str, int]) -> Iterator[Remark]:
    """Remarks on a statm line, in pages."""
    resident, shared = pages["resident"], pages["shared"]
    if pages["size"] and resident:
        yield _untouched(pages["size"], resident)
    if resident >= shared:
        yield note(
            f"resident - shared = {both((resident - shared) * PAGE_BYTES)}: anonymous memory, "
            f"RssAnon; a malloc leak grows here"
        )
    else:
        yield alarming(
            "shared is more than resident: this is no statm line, or its counters were caught in mid-change"
        )
    yield normal("lib and dt are always 0 since Linux 2.6")
    yield note(
        f"taken as pages of {PAGE_BYTES // KIB} KiB; if it comes from a machine with others, scale it"
    )


def faults_remark(major: float) -> Remark:
    """On majflt/s."""
    if major > 0:
        return alarming(
            f"majflt/s up to {major:g}: it waits for a disk, reading its program or files for the first time, "
            "or getting pages back from swap: lasting, it means memory is short"
        )
    return normal("majflt/s 0: no waiting for a disk")


def growth_remarks(who: str, virtual: Sequence[int], resident: Sequence[int]) -> Iterator[Remark]:
    """Remarks on a process over time; sizes in bytes."""
    rises = [b - a for a, b in itertools.pairwise(virtual) if b > a]
    moved = resident[-1] - resident[0]
    if len(rises) >= 2 and len(set(rises)) == 1:
        yield alarming(
            f"{who}: VSZ rose {len(rises)} times by exactly {kilobytes(rises[0])}: the same thing "
            f"is mapped again and again{_stack(rises[0])}"
        )
    elif rises:
        yield note(
            f"{who}: VSZ rose by {both(virtual[-1] - virtual[0])} in sum, in {len(rises)} "
            f"steps{_stack(rises[0]) if len(set(rises)) == 1 else ''}"
        )
    if rises and abs(moved) * 10 < virtual[-1] - virtual[0]:
        yield note(
            f"{who}: RSS moved by {kilobytes(moved)} only: what is mapped is hardly touched, so it "
            f"is not a heap that grows"
        )
    elif moved > 0:
        yield note(
            f"{who}: RSS rose by {both(moved)}: a few samples are no verdict, `memlab diagnose PID` gives one"
        )


def _stack(rise: int) -> str:
    stack = rise - 4 * KIB
    if stack >= MIB and stack % MIB == 0:
        return f". {kilobytes(rise)} = {kilobytes(stack)} + 4 kB: a thread's stack and its guard"
    return ""


def row_remarks(virtual: float | None, resident: float, share: float | None) -> Iterator[Remark]:
    """Remarks on one row: bytes, None without such a column; bytes; %MEM."""
    if virtual and resident:
        yield _untouched(int(virtual), int(resident))
    if virtual == 0:
        yield normal("no address space: a kernel thread or a zombie")
    if share is not None and share > 0 and resident:
        total = resident * 100 / share
        # %MEM has one or two decimals, so the total is as coarse as they are
        yield note(
            f"%MEM {share:g} of a machine with about {both(total)}"
            if share >= 1
            else f"%MEM {share:g}: a small part of the machine"
        )
        if share >= 50:
            yield alarming("one process with more than half of the machine's memory")
