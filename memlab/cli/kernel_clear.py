"""Remove all kernels from memlab's cache folder."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(_args: argparse.Namespace) -> int:
    """Remove it, and say how much it was."""
    from memlab.lab.guest import cache
    from memlab.units import format_bytes

    print(f"removed {format_bytes(cache.clear())} from {cache.root()}")
    return 0
