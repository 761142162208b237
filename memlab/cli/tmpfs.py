"""See what a tmpfs does when it is full and its size is changed, on one of its own.

`memlab tmpfs resize` mounts one in a namespace of its own, fills it, and makes it larger and smaller.
"""

from __future__ import annotations

import argparse

from memlab.cli._commands import add_parts, run_part

_PARTS = {"resize": "tmpfs_resize"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """resize, with options of its own."""
    add_parts(parser, _PARTS)


def run(args: argparse.Namespace) -> int:
    """Hand over to the part."""
    return run_part(args, _PARTS)
