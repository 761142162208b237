"""Sample a process like `pidstat -r -h`: faults per second, VSZ, RSS, share of memory.

Sizes are kB; rates are over the time that was really measured. Without INTERVAL one report over
the whole life of the process (pidstat itself divides by the uptime of the machine).
What the looking cost stands in the last line.
"""

from __future__ import annotations

import argparse
import sys
import time

from memlab.cli import _types


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """PID [INTERVAL [COUNT]], as pidstat takes them."""
    parser.add_argument("pid", metavar="PID", type=_types.pid)
    parser.add_argument("interval", metavar="INTERVAL", nargs="?", type=_types.seconds)
    parser.add_argument(
        "count", metavar="COUNT", nargs="?", type=_types.count, help="reports to print"
    )


def run(args: argparse.Namespace) -> int:
    """Print a report per interval until COUNT, Ctrl-C or the end of the process."""
    from memlab.model.diagnosis import Need
    from memlab.model.pidstat import between, since_start
    from memlab.observe.live import watch
    from memlab.observe.sampler import Sampler
    from memlab.present.pidstat import HEADER, pidstat_line
    from memlab.present.text import cost_text
    from memlab.procfs import meminfo
    from memlab.procfs.host import Host
    from memlab.session import CostMeter

    sampler = Sampler(args.pid)
    total = meminfo.read(Host()).mem_total
    print(HEADER, flush=True)
    if args.interval is None:
        now, uptime = sampler.take(look=False), time.clock_gettime(time.CLOCK_BOOTTIME)
        ticks = sampler.header().host["ticks_per_second"]
        print(pidstat_line(since_start(now, uptime, ticks, total), _clock(now.wall)))
        return 0
    seconds = None if args.count is None else args.count * args.interval
    before, lines, meter = None, 0, CostMeter()
    samples = watch(
        sampler, interval=args.interval, seconds=seconds, judge=lambda _looked, _now: Need.GO_ON
    )
    try:
        for sample in samples:
            if sample.gone:
                break
            if before is not None:
                print(pidstat_line(between(before, sample, total), _clock(sample.wall)), flush=True)
                lines += 1
            before = sample
    finally:  # Ctrl-C is the usual end
        print(f"# {cost_text(meter.cost(lines + 1))}", flush=True)
    if args.count is None or lines < args.count:
        print(f"memlab pidstat: process {args.pid} ({sampler.comm}) has ended", file=sys.stderr)
    return 0


def _clock(wall: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(wall))
