"""What log files kept of kernel messages, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from memlab.model.logged import Kept, Messages
from memlab.model.printk import LEVELS
from memlab.present.oom import shown
from memlab.units import counted

_MOST_LOST = 3


def logged_text(way: str, sent: Messages, reports: int, files: tuple[Kept, ...]) -> str:
    """What was sent, then each file with its rule, and what an OOM report in it has lost."""
    levels = Counter(line.level for line in sent.lines)
    by_level = ", ".join(f"{levels[level]:,} {LEVELS[level]}" for level in sorted(levels))
    source = "this machine's /dev/kmsg" if way == "imkmsg" else "a pipe in the place of /proc/kmsg"
    lines = [
        f"  sent      {counted(len(sent.lines), 'kernel message')} ({by_level}) through {source} ({way})",
    ]
    if not sent.levels_known:
        lines.append("            the log does not say their levels, so all were sent as warnings")
    lines.append(f"  reports   {counted(reports, 'OOM report')} in them")
    for one in files:
        lines += ["", *_file(one, len(sent.lines), reports)]
    return "\n".join(lines)


def _file(one: Kept, sent: int, reports: int) -> Iterator[str]:
    yield f"  {one.name}: {one.selector}"
    yield f"    {one.lines:,} of {counted(sent, 'message')}; {_verdict(one, reports)}"
    for line in one.lost[:_MOST_LOST]:
        yield f"    lost, level {LEVELS[line.level]}: {shown(line.text)[:90]}"
    if len(one.lost) > _MOST_LOST:
        yield f"    and {counted(len(one.lost) - _MOST_LOST, 'message')} more"


def _verdict(one: Kept, reports: int) -> str:
    if one.equal:
        return f"memlab oom read finds {counted(reports, 'report')} in it, equal to what was sent"
    if len(one.reports) != reports:
        return f"memlab oom read finds {counted(len(one.reports), 'report')} in it, not {reports}"
    words = "; the victim is not in it" if "killed" in one.differing else ""
    return f"memlab oom read finds other reports in it ({', '.join(one.differing)}){words}"
