"""Record a process: the kernel's own words, instant by instant, in one file.

The file opens up to its last whole second whatever ends the recording: Ctrl-C, kill -9 or
a full disk. `memlab diagnose FILE` judges it later, on any machine; `tar xzf` unpacks it.
"""

from __future__ import annotations

import argparse
import sys
import time

from memlab.cli import _types


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """PID, file and bounds."""
    parser.add_argument("pid", metavar="PID", type=_types.pid)
    parser.add_argument("-o", "--output", metavar="FILE", help="default memlab-PID-TIME.tar.gz")
    _types.add_sampling(parser, None)
    parser.add_argument(
        "--interval", type=_types.seconds, default=0.2, help="between samples (default 0.2)"
    )
    parser.add_argument(
        "--max-size", type=_types.size, default=256 << 20, help="stop at this size (default 256MiB)"
    )


def run(args: argparse.Namespace) -> int:
    """Sample into the file until told to stop."""
    from memlab.diagnose import step
    from memlab.observe.files import RecordingWriter
    from memlab.observe.live import watch
    from memlab.observe.sampler import Sampler
    from memlab.units import format_seconds

    sampler = Sampler(args.pid, budget=args.budget, stall=args.stall)
    path = args.output or f"memlab-{args.pid}-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz"
    asked = {
        "seconds": args.seconds,
        "interval": args.interval,
        "budget": args.budget,
        "stall": args.stall,
    }
    first = last = None
    count = 0
    with RecordingWriter(path, sampler.header(asked), cap_bytes=args.max_size) as writer:
        try:
            for sample in watch(sampler, interval=args.interval, seconds=args.seconds, judge=step):
                writer.add(sample)
                first, last, count = first or sample, sample, count + 1
        except KeyboardInterrupt:
            pass  # the usual way to end a recording
    lasted = last.monotonic - first.monotonic if first and last else 0.0
    print(
        f"{path}: {count} instants in {format_seconds(lasted)} of pid {args.pid} ({sampler.comm})"
    )
    if args.seconds is not None and lasted < args.seconds - 2 * args.interval:
        print(f"memlab record: it ended after {format_seconds(lasted)}", file=sys.stderr)
    return 0
