"""List whom the kernel would kill now: every process's oom_score, oom_score_adj and memory.

The first in line stands first. All of it is readable for everybody's processes.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys

from memlab.cli import _types


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many, and how to show them."""
    parser.add_argument(
        "--top", metavar="N", type=_types.count, default=20, help="processes to list (default 20)"
    )
    parser.add_argument("--html", metavar="OUT", help="write the figure as one page")
    parser.add_argument("--json", action="store_true", help="all of them, as one object")


def run(args: argparse.Namespace) -> int:
    """One look."""
    from memlab.observe.oom_scores import oom_scores
    from memlab.present.oom_scores import scores_text

    board = oom_scores()
    if args.html:
        from memlab.present.oom_figure import scores_figure
        from memlab.present.page import figures_page, write

        title = "Whom the kernel would kill now"
        write(figures_page(title, [scores_figure(board, args.top)]), args.html)
    if args.json:
        rows = [{**dataclasses.asdict(row), "counted": row.used} for row in board.rows]
        print(json.dumps({"total_bytes": board.total, "unread": board.unread, "processes": rows}))
    elif args.html:
        print(f"the page: {args.html}", file=sys.stderr)
    else:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        print(scores_text(board, args.top))
    return 0
