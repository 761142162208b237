"""Rehearse an OOM kill: tasks in one small memory cgroup, one of them grows; say who dies, and the kernel decides.

--task web:40MiB:100 is a task called web that takes 40 MiB and has an oom_score_adj of 100. `:tmpfs` behind it: it
writes a file on tmpfs; `:grows`: it takes more until the kernel comes (else the last one does). Without a task it is
the first lesson: two that hold, and one that grows. --seed N draws one of the line-ups of docs/oom-rehearsals.md.

On a terminal you are asked who will die; --predict NAME says it beforehand. The group is capped at 256 MiB and holds
nobody else, so the kernel looks no further. It needs a memory cgroup of its own, as root has; a negative
oom_score_adj needs CAP_SYS_RESOURCE, which even root may lack. --keep FILE keeps what was seen, and --replay FILE
shows it again, without any of that.

--table runs the line-ups 1 to N (default 20) and says how often the forecast, the highest oom_score and the most RSS
were right; --write FILE writes it as Markdown.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from memlab.cli import _types
from memlab.errors import Denied, Refused
from memlab.units import MIB

if TYPE_CHECKING:
    from memlab.model.oom_line_up import LineUp
    from memlab.model.oom_rehearsal import Rehearsed

_LIMIT = 100 * MIB


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who, how large a group, and how to show it."""
    what = parser.add_argument_group("what to rehearse")
    what.add_argument(
        "--task",
        metavar="NAME:SIZE[:ADJ]",
        action="append",
        default=[],
        help="a task; give two to eight",
    )
    what.add_argument(
        "--limit", metavar="SIZE", type=_types.size, help="the group's limit (default 100 MiB)"
    )
    what.add_argument(
        "--to-the-end", action="store_true", help="go on until the one that grows is dead itself"
    )
    what.add_argument("--seed", metavar="N", type=_types.count, help="the line-up of this number")
    what.add_argument(
        "--replay", metavar="FILE", help="show a rehearsal that was kept; nothing runs"
    )
    what.add_argument(
        "--table",
        metavar="N",
        type=_types.count,
        nargs="?",
        const=20,
        help="run the line-ups 1 to N (default 20)",
    )
    parser.add_argument("--predict", metavar="NAME", help="who you say will die first")
    parser.add_argument("--keep", metavar="FILE", help="keep all that was seen, for --replay")
    parser.add_argument("--write", metavar="FILE", help="with --table: write it as Markdown")
    parser.add_argument("--html", metavar="OUT", help="write figures, text and reports as one page")
    parser.add_argument("--json", action="store_true", help="one object (docs/oom-json.md)")


def run(args: argparse.Namespace) -> int:
    """Run it or read it, and show it."""
    _check(args)
    if args.table is not None:
        return _table(args)
    told = _replayed(args) if args.replay else _live(args)
    if args.keep:
        _write(args.keep, json.dumps(told.as_dict()) + "\n")
    _show(args, told)
    return 0 if told.agrees is not False else 1


def _check(args: argparse.Namespace) -> None:
    ways = [name for name in ("task", "seed", "replay", "table") if getattr(args, name)]
    if len(ways) > 1:
        raise Refused(f"--{ways[0]} and --{ways[1]} are two rehearsals", "choose one of them")
    if ways and ways != ["task"] and (args.limit or args.to_the_end):
        raise Refused(f"--{ways[0]} says all about the group", "leave out --limit and --to-the-end")
    if args.write and args.table is None:
        raise Refused("--write is for --table", "--keep keeps one rehearsal")
    single = [name for name in ("predict", "keep", "html", "json") if getattr(args, name)]
    if args.table is not None and single:
        raise Refused(f"--{single[0]} is for one rehearsal", "leave it out of a --table")


def _line_up(args: argparse.Namespace) -> LineUp:
    from memlab.model.oom_line_up import FIRST_LESSON, draw, line_up

    if args.seed is not None:
        return draw(args.seed)
    return line_up(args.task or FIRST_LESSON, args.limit or _LIMIT, to_the_end=args.to_the_end)


def _live(args: argparse.Namespace) -> Rehearsed:
    from memlab.lab.rehearsal import Rehearsal, check_predicted
    from memlab.observe.oom_scores import machine_total
    from memlab.present.rehearsal import board_text

    made = _line_up(args)
    said = check_predicted(made, args.predict) if args.predict else None
    with Rehearsal(made) as rehearsal:
        if said is None and not args.json and sys.stdin.isatty() and sys.stdout.isatty():
            print(board_text(made, rehearsal.looks[0], machine_total(), rehearsal.raised))
            said = _ask(made)
        rehearsal.press()
        return rehearsal.end(said)


def _ask(made: LineUp) -> str | None:
    """Who dies? Until it is one of them; nothing for no answer."""
    while True:
        try:
            said = input(f"\nWho dies first: {', '.join(made.names)}? ").strip()
        except EOFError:
            return None
        if not said or said in made.names:
            return said or None
        print(f"{said!r} is none of them")


def _replayed(args: argparse.Namespace) -> Rehearsed:
    import dataclasses

    from memlab.lab.rehearsal import check_predicted
    from memlab.lab.rehearsals import open_rehearsal

    told = open_rehearsal(args.replay)
    if args.predict:
        told = dataclasses.replace(told, said=check_predicted(told.line_up, args.predict))
    return told


def _show(args: argparse.Namespace, told: Rehearsed) -> None:
    from memlab.present.rehearsal import rehearsal_json, rehearsal_text

    if args.html:
        from memlab.present.page import write
        from memlab.present.rehearsal_figure import rehearsal_page

        write(rehearsal_page(told), args.html)
        print(f"the page: {args.html}", file=sys.stderr)
    if args.json:
        print(rehearsal_json(told))
    elif not args.html:
        print(rehearsal_text(told))
        if not args.replay:
            print(f"\nagain: {told.line_up.command}")


def _table(args: argparse.Namespace) -> int:
    from memlab.lab.rehearsals import run_table
    from memlab.present.rehearsals import row_text, summary_text, table_page

    rows: dict[int, Rehearsed] = {}
    for seed, told in run_table(args.table):
        print(row_text(seed, told), flush=True)
        rows[seed] = told
    print(summary_text(rows))
    if args.write:
        _write(args.write, table_page(rows))
        print(f"the table: {args.write}", file=sys.stderr)
    return 0 if all(told.agrees for told in rows.values()) else 1


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Denied(f"{path} cannot be written: {error.strerror}", "name another file") from None
