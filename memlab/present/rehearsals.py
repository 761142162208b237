"""Many rehearsals as a table: whom each of three rules named, and whom the kernel killed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from memlab.model.oom_line_up import CLEAR, LineUp, Task
from memlab.model.oom_rehearsal import Rehearsed
from memlab.units import MIB, format_bytes

_RULES: tuple[tuple[str, Callable[[Rehearsed], str]], ...] = (
    ("most RSS", lambda told: told.forecast.biggest),
    ("highest oom_score", lambda told: " = ".join(told.forecast.first_in_line)),
    ("forecast", lambda told: told.forecast.victim),
)


def row_text(seed: int, told: Rehearsed) -> str:
    """One line, while the table is made."""
    said = ", ".join(f"{name} {rule(told)}" for name, rule in _RULES)
    return f"{seed:>3}  {said}; killed {told.victim or 'nobody'}{'' if told.agrees else '  <- not as forecast'}"


def right(rows: Mapping[int, Rehearsed], name: str) -> int:
    """How often this rule named the one whom the kernel killed; a tie is no answer."""
    rule = dict(_RULES)[name]
    return sum(rule(told) == told.victim for told in rows.values())


def whole_reports(rows: Mapping[int, Rehearsed]) -> int:
    """Rehearsals whose first report is whole, agrees with its own table and names the same victim."""
    return sum(
        bool(told.judged)
        and told.reports[0].begins
        and told.reports[0].ends
        and told.reports[0].rows_whole
        and told.judged[0].agrees is True
        and told.judged[0].choice is not None
        and told.judged[0].choice[1] == told.victim
        for told in rows.values()
    )


def summary_text(rows: Mapping[int, Rehearsed]) -> str:
    """How often each was right."""
    lines = [f"of {len(rows)} rehearsals the kernel chose as"]
    lines += [f"  {name:<18} {right(rows, name):>3}" for name, _ in _RULES]
    lines.append(f"reports read whole, whose own table names the victim: {whole_reports(rows)}")
    return "\n".join(lines)


def table_page(rows: Mapping[int, Rehearsed]) -> str:
    """docs/oom-rehearsals.md."""
    told = next(iter(rows.values()))
    count = len(rows)
    head = [
        "# Whom the kernel kills: rehearsals",
        "",
        f"Made by `memlab oom rehearse --table {count} --write docs/oom-rehearsals.md` on Linux {told.kernel}, with "
        f"{format_bytes(told.total)} of memory and swap, in memory cgroups of version {told.version}.",
        "",
        "Each line-up is drawn by its number (`memlab oom rehearse --seed N` runs it again). The tasks take their",
        "memory, the last one takes more until the group is full. Three rules speak *before* that, from one look at",
        "/proc and at the group's usage:",
        "",
        "- *most RSS*: who will have most, with what is still free given to the one that grows;",
        "- *highest oom_score*: who has the highest `/proc/PID/oom_score`; `=` where several have it: no answer;",
        "- *forecast*: RSS + swap + page tables + adj × limit / 1000: the kernel's rule, by the *group's* limit.",
        "",
        f"Drawn are line-ups in which one task will be ahead by some {format_bytes(2 * CLEAR)} or more: of less,",
        "the per-CPU batches of the kernel's counters decide, and nobody can say who. And by no more than a fifth of",
        "the limit, so that a look at the numbers does not settle it.",
        "",
        f"| rule | right, of {count} |",
        "|---|--:|",
        *(f"| {name} | {right(rows, name)} |" for name, _ in _RULES),
        "",
        f"Reports read whole from {told.log_from}, whose own table names the one who died: {whole_reports(rows)}.",
        "",
        "| seed | limit | line-up (MiB, adj) | most RSS | highest oom_score | forecast | ahead by | killed |",
        "|--:|--:|---|---|---|---|--:|---|",
    ]
    return "\n".join([*head, *(_row(seed, one) for seed, one in rows.items()), ""])


def _row(seed: int, told: Rehearsed) -> str:
    said = [rule(told) for _, rule in _RULES]
    marked = [name if name == told.victim else f"~~{name}~~" for name in said]
    ahead = format_bytes((told.forecast.lead or 0) * told.page_bytes)
    cells = [str(seed), format_bytes(told.line_up.limit), _tasks(told.line_up), *marked, ahead]
    return f"| {' | '.join(cells)} | **{told.victim}** |"


def _tasks(made: LineUp) -> str:
    return ", ".join(_task(one, made) for one in made.tasks)


def _task(one: Task, made: LineUp) -> str:
    words = f"{one.name} {one.size // MIB}"
    words += f" on tmpfs{'' if not one.adj else ','}" if one.on_tmpfs else ""
    words += f" {one.adj:+}" if one.adj else ""
    return words + (", grows" if one.name == made.grows else "")
