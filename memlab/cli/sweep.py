"""Remove what crashed runs left behind: processes, files, shared memory, queues, cgroups; set sysctls back.

Only what is proved to be of a dead run of yours is removed; a run that lives is left alone. Runs make
no mounts that outlive them and pin no BPF objects, so there are none to find. A sysctl that a run had changed,
with your leave, is set back from its note. Every `memlab leak` sweeps before it starts.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only whether to do it."""
    parser.add_argument("--dry-run", action="store_true", help="only list what would be removed")


def run(args: argparse.Namespace) -> int:
    """Sweep, a line for each thing."""
    from memlab.lab.sweep import left_alone, sweep, sweep_builds
    from memlab.lab.sysctl import sweep_sysctls

    found = [*sweep(args.dry_run), *sweep_builds(args.dry_run), *sweep_sysctls(args.dry_run)]
    for sentence in [*found, *left_alone()]:
        print(sentence)
    if not found:
        print("nothing is left of any run")
    return 0
