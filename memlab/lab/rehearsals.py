"""Rehearsals beyond a single live one: the numbered line-ups in a row, and those that were kept in a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from memlab.errors import Denied, MemlabError, Refused, Unsupported
from memlab.lab.paths import notebooks_folder
from memlab.lab.rehearsal import rehearse
from memlab.model.oom_line_up import LineUp, Task, draw, line_up
from memlab.model.oom_rehearsal import Rehearsed, from_dict
from memlab.units import MIB


def run_table(count: int = 20) -> Iterator[tuple[int, Rehearsed]]:
    """The line-ups 1 to `count`, one after the other, each with its number. Errors as `rehearse`.

    The kernel prints ten reports in five seconds and is silent about the table of more (oom_rs, mm/oom_kill.c); a
    rehearsal takes a second.
    """
    for seed in range(1, count + 1):
        yield seed, rehearse(draw(seed))


def open_rehearsal(path: str | Path) -> Rehearsed:
    """One that was kept. Raises Denied, Malformed."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no text"
        raise Denied(f"{path} cannot be read: {why}", "name a file of --keep") from None
    try:
        told = json.loads(text)
    except ValueError:
        told = {}
    return from_dict(told, str(path))


def live_or_kept(
    tasks: LineUp | Sequence[str | Task],
    kept: str,
    predict: str | None = None,
    *,
    limit: int | str = 100 * MIB,
    to_the_end: bool = False,
) -> tuple[Rehearsed, str]:
    """Live where a memory cgroup may be made and memory is free, else the shipped one called `kept`; and which it is.

    It is kept in notebooks/recordings, of the same line-up; for another one there is nothing to show instead.
    """
    made = tasks if isinstance(tasks, LineUp) else line_up(tasks, limit, to_the_end=to_the_end)
    try:
        return rehearse(made, predict), "live: this happened on your machine just now"
    except (Unsupported, Denied, Refused) as error:
        shipped = open_rehearsal(notebooks_folder() / "recordings" / kept)
        if shipped.line_up != made:
            raise MemlabError(
                f"{error}; {kept} is of another line-up", "restore the line-up"
            ) from None
        return shipped, f"from a recording (Linux {shipped.kernel}), for here: {error}"
