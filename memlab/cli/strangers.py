"""Judge programs that nobody here wrote: servers, interpreters, compilers, released libraries.

Each runs in a box of its own, under a bounded load on loopback, and is judged blind by
`memlab diagnose PID --json`. What is not installed is skipped by name, with the package that brings
it; releases from PyPI and npm are installed into the user's cache at first.

Exit status: 0 whatever the verdicts; 2 for a name that is not in the list.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from memlab.cli import _types

if TYPE_CHECKING:
    from memlab.lab.strangers.cases import Case
    from memlab.lab.strangers.judged import Judged


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which ones, for how long, and what to write."""
    parser.add_argument("--only", metavar="NAME", nargs="+", help="only these")
    parser.add_argument("--list", action="store_true", help="name them, and run nothing")
    parser.add_argument(
        "--seconds", type=_types.seconds, default=60.0, help="how long to watch each (default 60)"
    )
    parser.add_argument(
        "--jobs", type=_types.count, default=2, help="how many at once, 3 at most (default 2)"
    )
    parser.add_argument("--out", metavar="FILE", help="write the page (docs/strangers.md)")
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON lines")
    parser.add_argument("--keep", metavar="DIR", help="keep a recording of each")
    parser.add_argument(
        "--again", metavar="DIR", help="run nothing: judge the recordings that --keep left"
    )
    parser.add_argument(
        "--long-look",
        metavar="SECONDS",
        type=_types.seconds,
        default=0.0,
        help="watch /proc/PID/status for so long, beside and after the verdict, and say what it did",
    )


def run(args: argparse.Namespace) -> int:
    """List them, run them, or judge what was kept; then the page."""
    from memlab import __version__
    from memlab.lab.strangers.cases import chosen
    from memlab.lab.strangers.page import page, row_text, summary
    from memlab.lab.strangers.run import Plan, judge_recordings, run_all

    cases = chosen(args.only)
    if args.list:
        for case in cases:
            print(f"{case.name:28} {case.truth:10} {case.what}")
        return 0

    def tell(case: Case, found: Judged) -> None:
        print(row_text(case, found), flush=True)
        if found.long_look:
            print(f"{'':13} {found.long_look}", flush=True)
        if args.json:
            with open(args.json, "a") as lines:
                lines.write(json.dumps(found.to_json()) + "\n")

    if args.again:
        results = []
        for case in cases:
            results.append(judge_recordings(case, Path(args.again)))
            tell(case, results[-1])
    else:
        keep = Path(args.keep) if args.keep else None
        results = run_all(cases, Plan(args.seconds, args.jobs, keep, args.long_look), tell)
    rows = list(zip(cases, results, strict=True))
    print(summary(rows), file=sys.stderr)
    if args.out:
        Path(args.out).write_text(page(rows, args.seconds, __version__, again=bool(args.again)))
    return 0
