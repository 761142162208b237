"""List the mappings of a process like `pmap -x`, with the memory type and kind of each.

Sizes are kB. Kinds are memlab's: heap, malloc arena, thread stack, memfd and so on.
"""

from __future__ import annotations

import argparse
import math

from memlab.cli import _types


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """PID."""
    parser.add_argument("pid", metavar="PID", type=_types.pid)
    parser.add_argument(
        "--full", action="store_true", help="every number of smaps, as `pmap -XX` has them"
    )


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from memlab.model.pmap import pmap
    from memlab.observe.sampler import Sampler
    from memlab.present.pmap import pmap_full_text, pmap_text

    found = pmap(Sampler(args.pid, stall=math.inf).take(must=True))
    print(pmap_full_text(found) if args.full else pmap_text(found))
    return 0
