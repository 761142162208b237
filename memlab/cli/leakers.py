"""List the leakers: what each leaks, in which languages, and how fast by default."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from memlab.lab.registry import Leaker, leakers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only the format."""
    parser.add_argument("--json", action="store_true", help="all that the manifest says, as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the manifest."""
    if args.json:
        print(json.dumps([asdict(leaker) for leaker in leakers().values()], indent=2))
        return 0
    both = leakers().values()
    _table("LEAKER", "WHAT IT LEAKS", [one for one in both if not one.is_lookalike])
    print()
    _table(
        "LOOK-ALIKE", "WHAT IT DOES, AND LEAKS NOTHING", [one for one in both if one.is_lookalike]
    )
    print(
        "\nmemlab leak NAME [--lang c|python] runs one; --control runs a leaker's look-alike that gives back."
    )
    return 0


def _table(title: str, purpose: str, listed: list[Leaker]) -> None:
    print(f"{title:<22}{'LANGUAGES':<12}{'RATE':<10}{'MEMORY TYPE':<19}{purpose}")
    for leaker in listed:
        languages = ", ".join(leaker.languages)
        print(
            f"{leaker.name:<22}{languages:<12}{leaker.rate:<10}{leaker.memory_type:<19}{leaker.summary}"
        )
