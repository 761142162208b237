"""Translate a virtual address: page-table indices, mapping, page, frame.

ADDRESS is 0x7ffc…, hexadecimal as in maps, or the name of a mapping such as "[heap]" (its first
address). Frame, flags and physical address are shown to root only: the kernel hides them.
"""

from __future__ import annotations

import argparse
import math

from memlab.cli import _types


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """PID ADDRESS."""
    parser.add_argument("pid", metavar="PID", type=_types.pid)
    parser.add_argument("address", metavar="ADDRESS")


def run(args: argparse.Namespace) -> int:
    """Print the translation."""
    from memlab.model.translate import find_address, translate
    from memlab.observe.page import look_at_page
    from memlab.observe.sampler import Sampler
    from memlab.present.translate import translate_text

    sampler = Sampler(args.pid, stall=math.inf)
    sample = sampler.take(must=True)
    address = find_address(sample, args.address)
    machine = sampler.header().host["machine"]
    print(translate_text(translate(look_at_page(sample, address), address, machine)))
    return 0
