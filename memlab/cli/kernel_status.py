"""Say which kernels are in the cache, whether they are whole, and what is missing.

Exit status: 0, also where there is none.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(_args: argparse.Namespace) -> int:
    """Look, and print."""
    from memlab.errors import MemlabError
    from memlab.lab.guest import cache, qemu
    from memlab.units import format_bytes

    try:
        print(f"qemu   {qemu.program()}")
    except MemlabError as error:
        print(f"qemu   {error}")
    for kind in cache.KINDS:
        try:
            kernel = cache.ready(kind)
        except MemlabError as error:
            print(f"{kind:5}  {error}")
        else:
            names = ("DEBUG_KMEMLEAK", "PAGE_OWNER", "SLUB_DEBUG", "MEMCG")
            has = ", ".join(name for name in names if kernel.has(name))
            print(f"{kind:5}  Linux {kernel.release}, checked; {has}")
            for name, version in kernel.packages.items():
                print(f"       from {name} {version}")
    print(f"cache  {cache.root()}, {format_bytes(cache.size())}")
    return 0
