"""Compare what top, pidstat, pmap, smem, the cgroup and free say of a process at one instant.

The tools need not be installed: their numbers are computed from the same files. Sizes are kB.
"""

from __future__ import annotations

import argparse
import math

from memlab.cli import _types


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """PID."""
    parser.add_argument("pid", metavar="PID", type=_types.pid)


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from memlab.model.compare import compare
    from memlab.observe.sampler import Sampler
    from memlab.present.compare import compare_text

    print(compare_text(compare(Sampler(args.pid, stall=math.inf).take(must=True))))
    return 0
