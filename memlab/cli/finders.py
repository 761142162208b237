"""Hold known finders of leaks against the leakers: who names the line, who is silent.

Runs valgrind, LeakSanitizer, heaptrack, memray, tracemalloc and strace, and memlab diagnose, each on each leaker, two
at a time, with a handful of events. A finder that is not installed is named with what would bring it. Answers are kept
in the user's cache, so that a run that was cut short goes on. All of it takes about half an hour. With --attached it is
`memlab trace` that is asked (docs/trace-table.md), which takes about ten minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which leakers, which finders, and where to write."""
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[], help="these leakers")
    parser.add_argument(
        "--finder",
        nargs="+",
        metavar="NAME",
        default=[],
        help="these finders (names as in the table)",
    )
    parser.add_argument(
        "--attached",
        action="store_true",
        help="instead, attach the engines of memlab trace to leakers that run: what they name, and what they cost",
    )
    parser.add_argument(
        "--write", metavar="FILE", help="write the table and the excerpts as Markdown"
    )
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--fresh", action="store_true", help="ask again what is known already")
    kept.add_argument(
        "--known", action="store_true", help="only what is known already: run nothing"
    )


def run(args: argparse.Namespace) -> int:
    """Ask, print each answer as it comes, write the page."""
    if args.attached:
        return _attached(args)
    from memlab.lab.finders.table import FINDERS, Kept, ask, cell, finder, page, rows

    finders = [finder(name) for name in args.finder] or list(FINDERS)
    for one in finders:
        if one.version() is None:
            print(f"{one.name} is not here: {one.get}", file=sys.stderr)
    chosen = rows(args.only)
    answers = ask(
        chosen,
        finders,
        Kept(args.fresh, args.known),
        lambda row, one, answer: print(
            f"{row[0]} ({row[1]})  {one.name}: {cell(answer)}", flush=True
        ),
    )
    if args.write is None:
        for (name, lang), row in answers.items():
            said = ", ".join(f"{one.name} {cell(row.get(one.name))}" for one in finders)
            print(f"{name} ({lang}): {said}")
        return 0
    _write(args.write, page(answers, finders))
    print(f"{args.write}: {len(answers)} leakers, {len(finders)} finders")
    return 0


def _attached(args: argparse.Namespace) -> int:
    from memlab.lab.attached import measure, page, rows

    outcomes = measure(
        rows(args.only),
        lambda row, engine, outcome: print(
            f"{row[0]} ({row[1]})  {engine}: {outcome.cell()}", flush=True
        ),
    )
    if args.write is not None:
        _write(args.write, page(outcomes))
        print(f"{args.write}: {len(outcomes)} leakers")
    return 0


def _write(path: str, text: str) -> None:
    from memlab.errors import Denied

    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Denied(f"cannot write {path}: {os.strerror(error.errno or 0)}") from None
