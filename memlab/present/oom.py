"""OOM reports as text: who asked, what was short, where the memory was, who should have died and who did."""

from __future__ import annotations

from collections.abc import Iterator

from memlab.model.oom_account import Account, account
from memlab.model.oom_badness import NEVER, Candidate, Era, least_adj_that_spares, table_pages
from memlab.model.oom_verdict import Judged, sizes_text
from memlab.model.oom_words import (
    asked_adj,
    constraint_text,
    gfp_flags,
    gfp_text,
    order_of,
    size_text,
    task_group_of,
)
from memlab.procfs.oom.records import Killed
from memlab.units import KIB, counted, format_bytes

_BAD_UNEXPLAINED = (
    0.1  # of the whole; below it the counters' own slack (per-CPU batches) is as large
)


def shown(name: str) -> str:
    """A name of a process or cgroup, with nothing in it that a terminal obeys."""
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in name)


def oom_text(judged: Judged, top: int = 10) -> str:
    """One report; the `top` worst tasks."""
    report = judged.report
    where = f"lines {report.first_line} to {report.last_line}" + (
        f", {shown(report.host)}" if report.host else ""
    )
    kernel = f", Linux {shown(report.asker.kernel)}" if report.asker and report.asker.kernel else ""
    lines = [f"OOM report, {where}{kernel}"]
    if not report.begins:
        lines.append("  cut         its beginning is missing: who asked is not known")
    if not report.ends:
        lines.append("  cut         its end is missing, where the kernel says whom it killed")
    lines += _asked(judged)
    lines.append(f"  constraint  {shown(constraint_text(report))}")
    lines += _limits(judged)
    found = account(report, judged.page_bytes)
    if found is not None:
        lines += ["", *account_lines(found)]
    lines += ["", *_tasks(judged, top), *_prediction(judged), "", *_victims(judged)]
    return "\n".join(lines)


def _asked(judged: Judged) -> Iterator[str]:
    report = judged.report
    if report.invoked is None:
        return
    pid = f" (pid {report.asker.pid})" if report.asker else ""
    size = size_text(order_of(report), judged.page_bytes)
    yield f"  asked       {shown(report.invoked.comm)}{pid} asked for {size}"
    mask = report.invoked.pairs.get("gfp_mask", "")
    flags = gfp_flags(mask, report.version)
    text = gfp_text(flags, report.constraint)
    named = " | ".join(map(shown, flags)) or f"gfp_mask {shown(mask)}"
    yield f"              {named}" + (f": {text}" if text else "")
    adj = asked_adj(report)
    if adj is not None:
        yield f"              its own oom_score_adj is {adj}; who asks need not be who dies"


def _limits(judged: Judged) -> Iterator[str]:
    report = judged.report
    group = task_group_of(report)
    if report.constraint == "CONSTRAINT_MEMCG" and group:
        yield f"              the victim was in {shown(group)}"
    for one in report.limits:
        limit = "no limit" if one.limit_bytes is None else format_bytes(one.limit_bytes)
        full = ", full" if one.usage_kb >= one.limit_kb else ""
        yield (
            f"  {one.what:<11} {format_bytes(one.usage_bytes)} of {limit}{full}"
            f" (failcnt {one.failcnt:,})"
        )
    if "Total swap" in report.swap_kb and "Free swap" in report.swap_kb:
        total, free = (report.swap_kb[name] * KIB for name in ("Total swap", "Free swap"))
        yield f"  swap        {format_bytes(total - free)} of {format_bytes(total)} used"


def account_lines(found: Account) -> Iterator[str]:
    """The ledger, and what of it no process accounts for."""
    if not found.lines:
        yield "  where it was: not printed by this kernel (memory.stat)"
        yield from (f"  nobody's    {text}" for text in nobodys(found))
        return
    yield f"  where it was: {found.of}"
    for one in found.lines:
        if one.bytes:
            mark = "kernel" if one.of_kernel else ""
            yield f"  {format_bytes(one.bytes):>10}  {one.label:<36}{mark}".rstrip()
    if found.whole is not None:
        unexplained = found.unexplained or 0
        loud = (
            "; much: look for vmalloc, drivers, balloons"
            if (unexplained > _BAD_UNEXPLAINED * found.whole)
            else ""
        )
        yield f"  {format_bytes(unexplained):>10}  in none of these{loud}"
        yield f"  {format_bytes(found.whole):>10}  = {found.of}"
    yield from (f"  nobody's    {text}" for text in nobodys(found))


def nobodys(found: Account) -> Iterator[str]:
    """What killing a process of the table does not give back."""
    if found.outside:
        yield f"{format_bytes(found.outside)} are the kernel's own: no task has them in its rss"
    if found.unmapped_shmem:
        yield (
            f"{format_bytes(found.unmapped_shmem)} of shmem are mapped by no task: files on tmpfs, "
            f"segments, memfds; they outlive every victim"
        )
    elif found.shmem and found.table_shmem is None:
        yield (
            f"{format_bytes(found.shmem)} are shmem (tmpfs, shared memory): killing need not free it, "
            f"and this kernel does not say who maps it"
        )
    if found.table_rss is not None:
        swapped = f" and {format_bytes(found.table_swap)} in swap" if found.table_swap else ""
        yield (
            f"the tasks of the table have {format_bytes(found.table_rss)}{swapped}, "
            f"shared pages counted for each of them"
        )


def _tasks(judged: Judged, top: int) -> Iterator[str]:
    rows = judged.report.rows
    if not rows:
        yield "  tasks       no table"
        return
    by_points = f"the {min(top, len(rows))} " + (
        "with the most points" if judged.ranked else "largest by rss"
    )
    yield f"  tasks       {counted(len(rows), 'row')}, {by_points}; a page is {_page(judged)}"
    if judged.ranked:
        yield f"  {'points':>10}{'pid':>9}{'rss':>10}{'swap':>10}{'tables':>10}{'adj':>6}  name"
        for one in judged.ranked[:top]:
            points = "never" if one.points is None else f"{one.points:,}"
            yield f"  {points:>10}{_cells(judged, one)}"
        return
    yield f"  {'pid':>9}{'rss':>10}  name"
    for row in sorted(rows, key=lambda one: -(one.rss or 0))[:top]:
        size = format_bytes((row.rss or 0) * judged.page_bytes)
        yield f"  {row.pid:>9}{size:>10}  {shown(row.name)}"


def _page(judged: Judged) -> str:
    return f"{format_bytes(judged.page_bytes)} ({judged.page_source})"


def _cells(judged: Judged, one: Candidate) -> str:
    row, page = one.row, judged.page_bytes
    tables = (row.pgtables_bytes, row.nr_ptes, row.nr_pmds)
    sizes = (
        row.rss,
        row.swapents,
        None if tables == (None, None, None) else table_pages(row, page),
    )
    cells = "".join(f"{'-' if s is None else format_bytes(s * page):>10}" for s in sizes)
    return f"{row.pid:>9}{cells}{one.adj:>6}  {shown(row.name)}"


def _prediction(judged: Judged) -> Iterator[str]:
    yield ""
    if judged.why_not is not None:
        yield f"  predicted   nobody: {judged.why_not}"
        return
    assert judged.era is not None
    yield f"  rule        {judged.era.words}"
    yield f"  memory      {sizes_text(judged)}"
    yield f"  predicted   {candidates_text(judged.predicted, judged.era)}"
    if judged.choice is not None:
        pid, name = judged.choice
        words = {True: "the same", False: "not the same", None: "not compared"}[judged.agrees]
        yield f"  kernel      chose {shown(name)} ({pid}): {words}"
    if judged.changed is not None:
        asked = ", ".join(f"{pid} at {adj}" for pid, adj in judged.asked_adj.items())
        yield f"  with {asked}: {candidates_text(judged.changed, judged.era)}"
    yield from _spared(judged)
    yield from (f"  note        {remark}" for remark in judged.remarks)


def _spared(judged: Judged) -> Iterator[str]:
    """What would have spared the victim."""
    if judged.era is None or judged.total is None or not judged.predicted:
        return
    victim = judged.predicted[0]
    adj = least_adj_that_spares(
        victim, list(judged.ranked), judged.era, judged.total.pages, judged.page_bytes
    )
    if adj is None or len(judged.predicted) > 1:
        return
    after = next(one for one in judged.ranked if one.row is not victim.row)
    value = f"{adj} or less" if adj > NEVER else f"{NEVER} only"
    yield (
        f"  spared      {shown(victim.row.name)} at an oom_score_adj of {value}; "
        f"then {shown(after.row.name)} ({after.row.pid}) dies"
    )


def candidates_text(found: tuple[Candidate, ...], era: Era) -> str:
    """'hog (574), 120,554 points'; several that are equal."""
    if not found:
        return "nobody: all are exempt (oom_score_adj -1000)"
    points = f"{found[0].points:,} points"
    names = [f"{shown(one.row.name)} ({one.row.pid})" for one in found[:5]]
    if len(found) == 1:
        return f"{names[0]}, {points}"
    if era is Era.SIGNED:
        return f"{names[0]}, {points}, the last of {len(found)} in the table that have as many"
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return f"one of {len(found)} that are equal, {points} each: {', '.join(names)}{more}"


def _victims(judged: Judged) -> Iterator[str]:
    report = judged.report
    if report.nobody:
        yield "  killed      nobody: there was none that could be killed"
    if report.group is not None:
        yield f"  group       all of {shown(report.group)} die together (memory.oom.group)"
    chosen = judged.choice
    for one in report.killed[:20]:
        yield f"  killed      {shown(one.comm)} ({one.pid}), {freed_text(one)}"
        if report.chosen is not None and chosen is not None and chosen[0] != one.pid:
            yield f"              in the stead of its parent {shown(chosen[1])} ({chosen[0]}), which was chosen"
    if len(report.killed) > 20:
        yield f"              and {len(report.killed) - 20} more"
    for reaped in report.reaped[:20]:
        left = ", ".join(f"{shown(name)} {value}" for name, value in reaped.pairs.items())
        yield f"  reaped      {shown(reaped.comm)} ({reaped.pid}), now {left}"


def freed_text(killed: Killed) -> str:
    """What its end gives back: anonymous memory surely; pages of files and shmem only where nobody else holds them."""
    freed = _sizes(("anonymous", killed.anon_rss), ("page tables", killed.page_tables))
    kept = _sizes(("file", killed.file_rss), ("shmem", killed.shmem_rss))
    if not freed and not kept:
        return "how large it was this kernel does not print"
    told = [f"of {format_bytes(killed.total_vm)} address space"] if killed.total_vm else []
    told += [f"uid {killed.uid}"] if killed.uid is not None else []
    told += [f"oom_score_adj {killed.oom_score_adj}"] if killed.oom_score_adj is not None else []
    of = f" ({', '.join(told)})" if told else ""
    stays = f"; {kept} stay where a file or another holds them" if kept else ""
    return f"freed {freed or 'no anonymous memory'}{of}{stays}"


def _sizes(*parts: tuple[str, int | None]) -> str:
    return ", ".join(f"{format_bytes(size)} {name}" for name, size in parts if size)
