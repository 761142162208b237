"""Say which kernel messages reach the console, the ring buffer and syslog here, and why.

Read from /proc/sys/kernel/printk and its neighbours, /proc/consoles and /dev/kmsg; nothing is changed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How to print it."""
    parser.add_argument("--json", action="store_true", help="the same as one object")


def run(args: argparse.Namespace) -> int:
    """One look."""
    from memlab.observe.printk import look
    from memlab.present.printk import path_text

    path = look()
    print(json.dumps(dataclasses.asdict(path)) if args.json else path_text(path))
    return 0
