"""Build a kernel with kmemleak and page_owner from Debian's source package: some minutes, once.

It fetches 145 MB and needs 2 GB of disk while it builds; 70 MB of that stay in memlab's cache folder. Needs gcc,
make, flex, bison, bc, gzip and libelf's headers; nothing is installed. After an interruption it goes on where it was.
"""

from __future__ import annotations

import argparse

from memlab.cli._kernel import add_arguments, make_ready

__all__ = ["add_arguments", "run"]


def run(args: argparse.Namespace) -> int:
    """Make it, and build our modules for it."""
    from memlab.lab.guest import full

    return make_ready(full.make, args.again, "kmemleak")
