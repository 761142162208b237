"""Making the guest's kernel ready: what `memlab kernel quick` and `full` have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memlab.lab.guest.cache import Kernel

    Make = Callable[[Callable[[str], None], bool], Kernel]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether to make it anew."""
    parser.add_argument("--again", action="store_true", help="also where there is one already")


def make_ready(make: Make, again: bool, lab: str) -> int:
    """Make it, build our modules for it, and name a lab to try."""
    from memlab.cli._progress import progress

    kernel = made(make, progress(), again)
    print(f"Linux {kernel.release}; try: memlab kernel lab {lab}")
    return 0


def made(make: Make, say: Callable[[str], None], again: bool = False) -> Kernel:
    """The kernel with our modules, out of the cache where it is there. Raises Unsupported with what is missing."""
    from memlab.lab.guest import build, qemu

    qemu.program()
    kernel = make(say, again)
    say("building kleak and kprice for it")
    build.modules(kernel)
    build.programs()
    say("ready")
    return kernel
