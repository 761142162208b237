"""Show where the machine's memory is, in lines that add up to MemTotal.

/proc/meminfo has some fifty lines, and they overlap. These do not, and what none of them explains
is shown. The processes' share is the sum of their Pss; as an ordinary user you see that of your
own processes, and how many others there are.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(_args: argparse.Namespace) -> int:
    """One look at the machine."""
    from memlab.observe.processes import machine
    from memlab.present.machine import machine_text
    from memlab.procfs.host import Host

    print(machine_text(machine(Host())))
    return 0
