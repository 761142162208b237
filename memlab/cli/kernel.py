"""A kernel of our own, in a small guest: for what a host must not risk.

`memlab kernel quick` fetches one (42 MB, a minute), `memlab kernel full` builds one with kmemleak and page_owner
(145 MB and some minutes, once); `memlab kernel lab NAME` then runs an experiment in it. The guest runs under
QEMU, without network or disk, and ends with the command whatever ends that. From Python: memlab.guest().
"""

from __future__ import annotations

import argparse

from memlab.cli._commands import add_parts, run_part

_PARTS = {
    "quick": "kernel_quick",
    "full": "kernel_full",
    "lab": "kernel_lab",
    "run": "kernel_run",
    "status": "kernel_status",
    "clear": "kernel_clear",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Each part with options of its own."""
    add_parts(parser, _PARTS)


def run(args: argparse.Namespace) -> int:
    """Hand over to the part."""
    return run_part(args, _PARTS)
