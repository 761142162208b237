"""Fetch Debian's packaged kernel for the guest (42 MB) and unpack it, without root.

It goes into memlab's cache folder; nothing is installed. After an interruption, packages that have
arrived are not fetched again.
This kernel has SLUB's debugging and memory cgroups, and no kmemleak: no packaged kernel has it.
"""

from __future__ import annotations

import argparse

from memlab.cli._kernel import add_arguments, make_ready

__all__ = ["add_arguments", "run"]


def run(args: argparse.Namespace) -> int:
    """Make it, and build our modules for it."""
    from memlab.lab.guest import quick

    return make_ready(quick.make, args.again, "kmalloc")
