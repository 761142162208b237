"""List the leakers: what each leaks, in which languages, and how fast by default."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from memlab.lab.registry import leakers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only the format."""
    parser.add_argument("--json", action="store_true", help="all that the manifest says, as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the manifest."""
    if args.json:
        print(json.dumps([asdict(leaker) for leaker in leakers().values()], indent=2))
        return 0
    print(f"{'LEAKER':<14}{'LANGUAGES':<12}{'RATE':<9}{'MEMORY TYPE':<19}WHAT IT LEAKS")
    for leaker in leakers().values():
        languages = ", ".join(leaker.languages)
        print(
            f"{leaker.name:<14}{languages:<12}{leaker.rate:<9}{leaker.memory_type:<19}{leaker.summary}"
        )
    print(
        "\nmemlab leak NAME [--lang c|python] runs one; --control runs its look-alike that leaks nothing."
    )
    return 0
