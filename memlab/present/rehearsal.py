"""An OOM rehearsal as text: who stands there, who was expected to die, who did, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise

from memlab.model.oom_badness import NEVER
from memlab.model.oom_line_up import CHUNK, CLEAR, LineUp
from memlab.model.oom_rehearsal import Look, Rehearsed
from memlab.present.oom import freed_text
from memlab.present.oom_json import as_dict
from memlab.units import MIB, PAGE_BYTES, counted, format_bytes, format_seconds

_DOES = {"held": "holds", "grows": "grows", "tmpfs": "file on tmpfs"}


def board_text(
    line_up: LineUp, look: Look, total: int, raised: int = 0, page_bytes: int = PAGE_BYTES
) -> str:
    """What a learner may know before: the tasks, their memory, adj and oom_score. total: RAM and swap, in bytes."""
    several = counted(len(line_up.tasks), "task")
    lines = [
        f"{several} in a memory cgroup of {format_bytes(line_up.limit)}; {line_up.grows} takes more, "
        f"{format_bytes(CHUNK)} at a time, until the kernel comes",
        f"  {'task':<16}{'RSS':>10}{'adj':>6}{'oom_score':>11}   {'adj is worth':<40}does",
    ]
    for one in look.seen:
        worth = "nothing" if one.adj > NEVER else "an exemption: never killed"
        if one.adj and one.adj > NEVER:
            of_machine, of_group = (
                _worth(one.adj, size, page_bytes) for size in (total, line_up.limit)
            )
            worth = f"{of_group} here, {of_machine} in oom_score"
        task = line_up.task(one.name)
        does = [_DOES["grows" if one.name == line_up.grows else "held"]]
        does += [f"{_DOES['tmpfs']}, {format_bytes(task.size)} now"] if task.on_tmpfs else []
        lines.append(
            f"  {one.name:<16}{format_bytes(one.rss):>10}{one.adj:>6}{one.score:>11}   {worth:<40}{', '.join(does)}"
        )
    if raised:
        lines.append(
            f"  note: this login may give no adj below {raised}, so everybody has {raised} more than shown; "
            "that changes nobody's place"
        )
    return "\n".join(lines)


def board(told: Rehearsed) -> str:
    """The same of a rehearsal that has been: nothing of how it ended."""
    return board_text(told.line_up, told.looks[0], told.total, told.raised, told.page_bytes)


def _worth(adj: int, size: int, page_bytes: int) -> str:
    """As the kernel rounds: thousandths of so many whole pages."""
    return (
        f"{'+' if adj > 0 else ''}{format_bytes(adj * (size // page_bytes // 1000) * page_bytes)}"
    )


def rehearsal_text(told: Rehearsed) -> str:
    """All of it."""
    lines = [board(told), ""]
    lines += [
        *_expected(told),
        "",
        *_happened(told),
        "",
        *_why(told),
        *_left(told),
        "",
        *_watched(told),
    ]
    return "\n".join(lines).replace("\n\n\n", "\n\n")


def _expected(told: Rehearsed) -> Iterator[str]:
    fore = told.forecast
    yield f"  oom_score   is highest for {_or(fore.first_in_line)}"
    yield f"  most RSS    will have {fore.biggest}, when the group is full"
    yield f"  memlab      said {fore.victim} before it ran, {_lead(told)}"
    if told.said is not None:
        right = {True: "and so it was", False: "and it was another", None: "and nobody died"}
        yield f"  you         said {told.said}, {right[told.learner_is_right]}"


def _lead(told: Rehearsed) -> str:
    if told.forecast.lead is None:
        return "for no other can be killed"
    lead = told.forecast.lead * told.page_bytes
    near = "" if lead >= CLEAR else ": too near to be sure, the kernel's counters are no finer"
    return f"{format_bytes(lead)} ahead of the next{near}"


def _or(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} alike"


def _happened(told: Rehearsed) -> Iterator[str]:
    if not told.deaths:
        yield f"  killed      nobody: {told.line_up.grows} takes no more ({told.ended})"
        return
    for one in told.deaths:
        yield (
            f"  killed      {one.name} ({one.pid}), {format_seconds(one.at)} after the start; "
            f"{told.line_up.grows} had asked {counted(one.asked, 'time')}"
        )
    same = "as memlab said" if told.agrees else "and not as memlab said"
    yield f"  kernel      chose {told.victim} first, {same}"
    for before, after in pairwise(told.deaths):
        if before.asked == after.asked:
            yield (
                f"              {after.name} died for the same page: what {before.name} gave back had not "
                "arrived when the kernel looked again"
            )
    if told.ended.startswith("refused"):
        yield f"  then        {told.line_up.grows} was {told.ended}"


def _why(told: Rehearsed) -> Iterator[str]:
    """From the kernel's own table of the first report, else from the forecast."""
    judged = told.judged[0] if told.judged and told.judged[0].ranked else None
    ranked = judged.ranked if judged else told.forecast.ranked
    limit = (judged.total.pages if judged and judged.total else told.forecast.total_pages) // 1000
    source = (
        "by the kernel's table" if judged else "by the forecast, for there is no report to read"
    )
    yield f"  why         RSS + swap + page tables + adj × {format_bytes(told.line_up.limit)} / 1000, {source}:"
    for one in ranked:
        if one.points is None:
            yield f"  {'never':>21}  {one.row.name}: an adj of -1000 is an exemption"
            continue
        adj = one.adj - told.raised if judged else one.adj
        points = one.points - (told.raised * limit if judged else 0)
        sizes = [size * told.page_bytes for size in (points, one.used, adj * limit)]
        sign = "-" if sizes[2] < 0 else "+"
        yield (
            f"  {format_bytes(sizes[0]):>21}  {one.row.name}: {format_bytes(sizes[1])} {sign} "
            f"{format_bytes(abs(sizes[2]))}"
        )
    yield from _misled(told)


def _misled(told: Rehearsed) -> Iterator[str]:
    fore, victim = told.forecast, told.victim
    if victim is None:
        return
    if victim not in fore.first_in_line:
        yield (
            f"              oom_score put {_or(fore.first_in_line)} first: it measures adj by the machine's "
            f"{format_bytes(told.total)}, and the choice is made by the group's {format_bytes(told.line_up.limit)}"
        )
    elif len(fore.first_in_line) > 1:
        yield (
            f"              oom_score cannot tell them apart: a point of it is {format_bytes(told.total // 667)} "
            "of this machine"
        )
    if victim != fore.biggest:
        yield f"              {fore.biggest} had more memory than {victim}, and lives by its lower adj"
    guilty = told.line_up.task(told.line_up.grows)
    if victim != guilty.name:
        yield f"              {guilty.name}, which asked for the page that was one too many, need not be who dies"


def _left(told: Rehearsed) -> Iterator[str]:
    if not told.deaths:
        return
    full = max(one.usage for one in told.looks)
    yield f"  group       {format_bytes(full)} at its fullest, {format_bytes(told.looks[-1].usage)} when all was over"
    if told.shmem_left and told.shmem_left > MIB:
        killed = counted(len(told.deaths), "task")
        yield (
            f"  tmpfs       {format_bytes(told.shmem_left)} of it are files: in no process's RSS, so they count "
            f"against nobody, and killing {killed} gave none of it back"
        )


def _watched(told: Rehearsed) -> Iterator[str]:
    events = told.looks[-1].events
    files = "memory.oom_control and memory.failcnt" if told.version == 1 else "memory.events"
    yield f"  {files}: " + ", ".join(f"{name} {count}" for name, count in events.items())
    first, last = told.looks[0].waited, told.looks[-1].waited
    if first is not None and last is not None:
        whose = "the machine" if told.version == 1 else "the group"
        yield f"  PSI: {(last - first) / 1000:,.1f} ms in which somebody waited for memory, in {whose}"
    reports = told.judged
    if not reports:
        yield f"  kernel log: no report ({told.log_from})"
        return
    whole = sum(one.report.begins and one.report.ends and one.report.rows_whole for one in reports)
    yield f"  kernel log: {counted(len(reports), 'report')} in {told.log_from}, {whole} whole"
    for one in reports:
        for killed in one.report.killed:
            yield f"    {killed.comm} ({killed.pid}): {freed_text(killed)}"


def rehearsal_json(told: Rehearsed) -> str:
    """One line: what was seen, and what was computed from it; docs/oom-json.md."""
    fore, page = told.forecast, told.page_bytes
    computed = {
        "predicted_victim": fore.victim,
        "lead_bytes": None if fore.lead is None else fore.lead * page,
        "forecast": [
            {
                "name": one.row.name,
                "points": one.points,
                "counted_bytes": one.used * page,
                "adj": one.adj,
            }
            for one in fore.ranked
        ],
        "highest_oom_score": list(fore.first_in_line),
        "most_rss": fore.biggest,
        "victim": told.victim,
        "agrees": told.agrees,
        "learner_is_right": told.learner_is_right,
        "command": told.line_up.command,
        "reports": [as_dict(one) for one in told.judged],
    }
    return json.dumps({**told.as_dict(), **computed}, ensure_ascii=True)
