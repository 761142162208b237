"""Show the memory columns of top for all processes at one instant, and the /proc field behind each.

Sorted by RES. Sizes are kB.
"""

from __future__ import annotations

import argparse

from memlab.cli import _types


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which processes, and how many."""
    parser.add_argument(
        "pids", metavar="PID", nargs="*", type=_types.pid, help="only these processes"
    )
    parser.add_argument(
        "--top", metavar="N", type=_types.count, default=20, help="processes to list (default 20)"
    )


def run(args: argparse.Namespace) -> int:
    """One look."""
    from memlab.observe.top import look
    from memlab.present.top import top_text
    from memlab.procfs.host import Host

    print(top_text(look(Host(), args.pids, most=None if args.pids else args.top)))
    return 0
