"""Measure what a serial console costs: the time of an OOM report, and the stall of everybody else.

At console loglevels 7, 5, 4 and 3, with and without the table of tasks, at 115,200 and 9,600 baud: some six minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from memlab.errors import Denied, Refused, Unsupported


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much of it, and what to keep."""
    parser.add_argument(
        "--quick", action="store_true", help="console: a few cells only, within a minute"
    )
    parser.add_argument("--html", metavar="OUT", help="console: the figure as one page")
    parser.add_argument(
        "--json", metavar="OUT", help="console: all cells, for a figure of your own"
    )


def check(args: argparse.Namespace) -> None:
    """Refuse what is not of this lab, and files that cannot be written: before some minutes of work."""
    if args.record or args.log:
        raise Refused(
            "the console lab keeps no recording and no log", "leave out --record and --log"
        )
    for name in filter(None, (args.html, args.json, args.write)):
        _writable(name)


def run(args: argparse.Namespace) -> int:
    """The table to stdout, what is done meanwhile to stderr."""
    from memlab.cli._progress import progress
    from memlab.lab.guest.labs.console import TIMES, measure, measure_quick, recorded
    from memlab.present.console import console_figure, console_markdown, console_text
    from memlab.present.page import figures_page, write

    kernel = "full" if args.full else "quick"
    say = progress()
    try:
        found = (
            measure_quick(say, kernel)
            if args.quick
            else measure(times=TIMES, kernel=kernel, say=say)
        )
    except Unsupported as error:
        print(f"memlab kernel: {error}", file=sys.stderr)
        print(f"Nothing was measured here. As it was elsewhere:\n\n{console_text(recorded())}")
        return 2
    print(console_text(found))
    if args.html:
        write(figures_page("What a slow console costs", [console_figure(found)]), args.html)
    if args.json:
        _write(args.json, json.dumps(found.as_dict(), indent=1) + "\n")
    if args.write:
        chosen = (" --quick" if args.quick else "") + (" --full" if args.full else "")
        command = f"memlab kernel lab console{chosen} --write {args.write}"
        _write(args.write, console_markdown(found, command))
    return 0


def _writable(name: str) -> None:
    place = name if os.path.exists(name) else os.path.dirname(name) or "."
    if os.path.isdir(name) or not os.access(place, os.W_OK):
        raise Denied(f"{name} cannot be written", "choose another place")


def _write(name: str, text: str) -> None:
    try:
        with open(name, "w") as file:
            file.write(text)
    except OSError as error:
        raise Denied(
            f"{name} cannot be written: {error.strerror}", "choose another place"
        ) from None
