"""Fill a tmpfs, let it grow by `mount -o remount,size=`, and try to make it smaller than what is in it.

The tmpfs is in a mount namespace of its own, which root makes as it is and anybody else within a user namespace.
No other process sees it, and nothing is left of it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json

from memlab.cli import _types
from memlab.units import MIB


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Three sizes, and whose namespace."""
    for name, default, words in (
        ("size", 8 * MIB, "what it has at first"),
        ("grow", 16 * MIB, "what it grows to"),
        ("shrink", 4 * MIB, "what it should shrink to"),
    ):
        parser.add_argument(
            f"--{name}",
            type=_types.size,
            default=default,
            help=f"{words} (default {default // MIB}MiB)",
        )
    parser.add_argument(
        "--user-namespace", action="store_true", default=None,
        help="in a user namespace also as root, as an ordinary user has to",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="the steps, as one object")


def run(args: argparse.Namespace) -> int:
    """Do it and tell."""
    from memlab.lab.tmpfs_resize import resize
    from memlab.present.tmpfs_steps import resized_text

    found = resize(args.size, args.grow, args.shrink, user_namespace=args.user_namespace)
    print(json.dumps(dataclasses.asdict(found)) if args.json else resized_text(found))
    return 0
