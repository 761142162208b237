"""Measure what one line costs in the kernel's ring buffer, on /dev/kmsg.

A few debug lines are written, which no console shows, with a tag that names them; what is written is said before.
Needs root. With --no-limit the sysctl kernel.printk_devkmsg is set to "on" meanwhile, and set back.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys

from memlab.cli import _types


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many lines, how long."""
    parser.add_argument("--lines", type=_types.count, default=50, help="how many (default 50)")
    parser.add_argument(
        "--length", type=_types.count, default=90, help="characters of each (default 90)"
    )
    parser.add_argument(
        "--no-limit", action="store_true",
        help="lift the kernel's limit on what programs write, and set it back at the end",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="what was measured, as one object")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    from memlab.lab.printk_cost import measure
    from memlab.present.printk import cost_text

    def say(words: str) -> None:
        print(words, file=sys.stderr if args.json else sys.stdout, flush=True)

    cost = measure(args.lines, args.length, say=say, no_limit=args.no_limit)
    if args.json:
        print(json.dumps({**dataclasses.asdict(cost), "line_seconds": cost.line_seconds}))
    else:
        print(cost_text(cost))
    return 0
