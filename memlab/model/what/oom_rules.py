"""What to think of the parts of an OOM report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from memlab.model.what.processes import points_remark
from memlab.model.what.types import Remark, alarming, normal, note
from memlab.model.what.values import both, percent, whole
from memlab.units import GIB, KIB, PAGE_BYTES, format_bytes

_NO_LIMIT_KB = 1 << 52  # PAGE_COUNTER_MAX is near 2^53 kB; no machine has half of that


def invoked_remarks(who: str, pairs: Mapping[str, str]) -> Iterator[Remark]:
    """Remarks on the first line."""
    yield note(
        f"{who} only happened to ask at the wrong moment: the victim stands at the end, the culprit may be a third"
    )
    order = whole(pairs.get("order", ""))
    if order is not None and order < 0:
        yield note("order -1: somebody asked for it by hand (SysRq f)")
    elif order:
        size = format_bytes(PAGE_BYTES << min(order, 40))
        yield alarming(
            f"order {order}: {size} in one piece was wanted; there may be enough memory, but in "
            f"smaller pieces (buddyinfo)"
        )
    elif order == 0:
        yield normal(
            "order 0: not even a single page was to be had; fragmentation is not the reason"
        )
    mask = pairs.get("gfp_mask", "")
    if "GFP_HIGHUSER_MOVABLE" in mask:
        yield note("GFP_HIGHUSER_MOVABLE: a program touched memory (page fault) or read a file")
    elif "GFP_KERNEL" in mask:
        yield note(
            "GFP_KERNEL: the kernel needed memory for itself, or a cgroup charged some at its limit"
        )


def stack_remarks(calls: Sequence[str]) -> Iterator[Remark]:
    """Remarks on the functions of the call trace."""
    if "mem_cgroup_out_of_memory" in calls:
        yield note(
            "mem_cgroup_out_of_memory: a cgroup's limit was hit, the machine may have plenty"
        )
    elif "__alloc_pages_slowpath" in " ".join(calls):
        yield alarming("__alloc_pages_slowpath: the machine itself had no memory left")
    if any(
        call.startswith(("exc_page_fault", "do_user_addr_fault", "do_page_fault")) for call in calls
    ):
        yield note(
            "page fault: a program touched memory that it had mapped before; malloc had said yes long ago"
        )


def tasks_remarks(rows: Sequence[Mapping[str, str]]) -> Iterator[Remark]:
    """Remarks on the table of tasks."""
    if not rows:
        return
    total = sum(int(row["rss"]) for row in rows) * PAGE_BYTES
    yield note(
        f"all sizes are pages of {PAGE_BYTES // KIB} KiB but pgtables_bytes; rss sums up to "
        f"{both(total)}, shared pages counted again and again"
    )
    heavy = sorted(rows, key=lambda row: -int(row["rss"]))[:3]
    listed = ", ".join(
        f"{row['name']} ({row['pid']}) {format_bytes(int(row['rss']) * PAGE_BYTES)}"
        for row in heavy
    )
    yield note(f"largest by rss: {listed}")
    safe = [row for row in rows if row.get("oom_score_adj") == "-1000"]
    if safe:
        most = max(safe, key=lambda row: int(row["rss"]))
        yield note(
            f"{len(safe)} with oom_score_adj -1000 cannot be killed; the largest is {most['name']}, "
            f"{format_bytes(int(most['rss']) * PAGE_BYTES)}"
        )
    first = [row for row in rows if row.get("oom_score_adj") == "1000"]
    if first:
        yield note(
            f"{', '.join(row['name'] for row in first[:3])}: oom_score_adj 1000, killed before all "
            f"others, whatever the size"
        )
    if any(int(row.get("swapents", 0)) for row in rows):
        yield note("swapents count for the choice like rss: add them")
    names: dict[str, int] = {}
    for row in rows:
        names[row["name"]] = names.get(row["name"], 0) + 1
    name, count = max(names.items(), key=lambda pair: pair[1])
    if count >= 10 and count * 3 > len(rows):
        yield note(
            f"{count} of {len(rows)} tasks are {name}: many small ones may be the reason, see their sum"
        )


def kill_remarks(pairs: Mapping[str, str]) -> Iterator[Remark]:
    """Remarks on `oom-kill:constraint=…`."""
    constraint = pairs.get("constraint", "").removeprefix("CONSTRAINT_")
    if constraint == "MEMCG":
        yield note(
            f"CONSTRAINT_MEMCG: the limit of the cgroup {pairs.get('oom_memcg', '?')} was hit; only "
            f"its processes could be chosen, and memory elsewhere does not help"
        )
        if pairs.get("oom_memcg") != pairs.get("task_memcg"):
            yield note(
                "the victim's cgroup lies below the one whose limit was hit (a pod's container, say)"
            )
    elif constraint == "NONE":
        yield alarming(
            "CONSTRAINT_NONE: the whole machine was out of memory, anybody could be chosen"
        )
    elif constraint in ("CPUSET", "MEMORY_POLICY"):
        yield note(
            f"CONSTRAINT_{constraint}: the memory nodes that this process may use were full, others perhaps not"
        )


def killed_remarks(
    line: str, sizes: Mapping[str, int], pairs: Mapping[str, str]
) -> Iterator[Remark]:
    """Remarks on `Killed process …`; sizes in bytes."""
    if line.startswith("Memory cgroup"):
        yield note(
            "a cgroup's limit, not the machine's memory: raise the limit, or find what grows inside"
        )
    anonymous, virtual = sizes.get("anon-rss"), sizes.get("total-vm")
    if anonymous is not None:
        shared = sizes.get("shmem-rss", 0)
        yield note(f"killing it freed about {both(anonymous)} (anon-rss)")
        if shared > anonymous:
            yield alarming(
                f"{both(shared)} of it were shared memory, which killing need not free: look for tmpfs "
                f"files and shm segments"
            )
        if virtual and virtual > 4 * max(anonymous, 1) and virtual > GIB:
            yield normal("total-vm is far larger: address space, which is not why it was killed")
    points = whole(pairs.get("oom_score_adj", ""))
    if points is not None:
        yield points_remark(points)


def limit_remarks(what: str, usage: int, limit: int, failures: int) -> Iterator[Remark]:
    """Remarks on usage beside limit, both in kB."""
    if limit > _NO_LIMIT_KB:
        yield normal(f"{what} has no limit of its own")
    elif usage >= limit:
        yield alarming(
            f"{what} is at its limit, {both(limit * KIB)}: this is what called the killer"
        )
    else:
        yield normal(f"{what} is {percent(usage, limit):.0f} % of its limit: not the reason")
    if failures:
        yield note(
            f"failcnt {failures:,}: so often memory had to be reclaimed at the limit; it had been tight before"
        )
