"""Sample a process like `pidstat -r`: faults per second, VSZ, RSS, share of memory.

Sizes are kB, as pidstat prints them; rates are over the time that was really measured.
"""

from __future__ import annotations

import argparse
import sys
import time

from memlab.cli import _types


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """PID [INTERVAL [COUNT]], as pidstat takes them."""
    parser.add_argument("pid", metavar="PID", type=_types.pid)
    parser.add_argument("interval", metavar="INTERVAL", nargs="?", type=_types.seconds, default=1.0)
    parser.add_argument(
        "count", metavar="COUNT", nargs="?", type=_types.count, help="lines to print"
    )


def run(args: argparse.Namespace) -> int:
    """Print a line per interval until COUNT, Ctrl-C or the end of the process."""
    from memlab.model.diagnosis import Need
    from memlab.observe.live import watch
    from memlab.observe.sampler import Sampler
    from memlab.present.text import WATCH_HEADER, watch_line

    sampler = Sampler(args.pid)
    seconds = None if args.count is None else args.count * args.interval
    before, total, lines = None, None, 0
    print(WATCH_HEADER, flush=True)
    for sample in watch(
        sampler, interval=args.interval, seconds=seconds, judge=lambda _looked, _now: Need.GO_ON
    ):
        total = total or (sample.meminfo and sample.meminfo.mem_total)
        if before is not None and total:
            clock = time.strftime("%H:%M:%S", time.localtime(sample.wall))
            print(watch_line(before, sample, clock, total), flush=True)
            lines += 1
        before = sample
    if args.count is None or lines < args.count:
        print(f"memlab watch: process {args.pid} ({sampler.comm}) has ended", file=sys.stderr)
    return 0
