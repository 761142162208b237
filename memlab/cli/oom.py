"""Read the kernel's OOM reports, see whom it would kill now, and rehearse it.

`memlab oom read FILE` explains every OOM report of a log; `memlab oom scores` lists who is first in line;
`memlab oom rehearse` lets the kernel kill one of a few small tasks, in a group of their own: say which.
"""

from __future__ import annotations

import argparse

from memlab.cli._commands import add_parts, run_part

_PARTS = {"read": "oom_read", "scores": "oom_scores", "rehearse": "oom_rehearse"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """read, scores and rehearse, each with options of its own."""
    add_parts(parser, _PARTS)


def run(args: argparse.Namespace) -> int:
    """Hand over to the part."""
    return run_part(args, _PARTS)
