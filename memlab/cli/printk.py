"""Follow the kernel's messages: to the console, into the ring buffer, into a log file.

`memlab printk levels` says what reaches which of them here and now, `memlab printk cost` what a line costs,
and `memlab printk syslog` shows what a log file keeps of an OOM report.
"""

from __future__ import annotations

import argparse

from memlab.cli._commands import add_parts, run_part

_PARTS = {"levels": "printk_levels", "cost": "printk_cost", "syslog": "printk_syslog"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """levels, cost and syslog, each with options of its own."""
    add_parts(parser, _PARTS)


def run(args: argparse.Namespace) -> int:
    """Hand over to the part."""
    return run_part(args, _PARTS)
