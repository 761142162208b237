"""Explain why two figures for one process differ, down to the last kB.

  memlab why PID                        from ps's RSS to Rss, Pss and Uss of smaps
  memlab why ps.rss cgroup.usage PID    between any two figures

A wrong name lists the right ones. Every line names the field it comes from, and what is left
over is shown as the residual.
"""

from __future__ import annotations

import argparse
import math

from memlab.cli import _types
from memlab.errors import MemlabError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """[FIGURE FIGURE] PID."""
    parser.add_argument(
        "figures", metavar="FIGURE", nargs="*", help="none or two, such as ps.rss smaps.pss"
    )
    parser.add_argument("pid", metavar="PID", type=_types.pid)


def run(args: argparse.Namespace) -> int:
    """Print the explanation."""
    from memlab.model.why import CHAIN, explain_chain
    from memlab.observe.sampler import Sampler
    from memlab.present.why import why_text

    if len(args.figures) not in (0, 2):
        raise MemlabError(
            f"{len(args.figures)} of two figures given", "give two and a PID, or the PID alone"
        )
    sample = Sampler(args.pid, stall=math.inf).take(must=True)
    print(why_text(explain_chain(sample, args.figures or CHAIN)))
    return 0
