"""Remove what crashed runs of leakers left behind: processes, files, shared memory, queues, cgroups.

Only what is proved to be of a dead run of yours is removed; a run that lives is left alone. Runs make
no mounts and pin no BPF objects, so there are none to find. Every `memlab leak` sweeps before it starts.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only whether to do it."""
    parser.add_argument("--dry-run", action="store_true", help="only list what would be removed")


def run(args: argparse.Namespace) -> int:
    """Sweep, a line for each thing."""
    from memlab.lab.sweep import left_alone, sweep, sweep_builds

    found = [*sweep(args.dry_run), *sweep_builds(args.dry_run)]
    for sentence in [*found, *left_alone()]:
        print(sentence)
    if not found:
        print("nothing is left of any run")
    return 0
