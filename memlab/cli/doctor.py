"""Say what this machine lets memlab see and do, and what would help.

Each line is ok, limited (works, but not for everything) or missing, with what to do about it.
Nothing is changed: the one control group that is made to see whether it can be is removed.

Exit status: 0; 1 when something is missing that memlab cannot work without.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How to print it."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the checks as JSON")
    form.add_argument(
        "--packages", action="store_true", help="print only the Debian packages that would help"
    )


def run(args: argparse.Namespace) -> int:
    """Check and print."""
    from memlab.lab.machine import checks

    found = checks()
    if args.json:
        print(json.dumps([asdict(check) for check in found], indent=2))
    elif args.packages:
        for package in sorted({package for check in found for package in check.packages}):
            print(package)
    else:
        for check in found:
            print(f"{check.state:8} {check.name:12} {check.found}")
            if check.remedy:
                print(f"{'':21} -> {check.remedy}")
    return int(any(check.essential and check.state == "missing" for check in found))
