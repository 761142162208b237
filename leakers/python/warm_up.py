"""Looks like a leak: a program that fills its tables after the start, and then has them.

    RSS       ____________      grows for cap / rate seconds (40 s by default),
         ____/                  then every request finds what it needs

As Python does with imports, compiled templates and interned strings.
"""

import sys

from _harness import KIB, MIB, Leaker, Options, run, touch

table = []


def work(options):
    """Learn one more entry, or look one up."""
    if (len(table) + 1) * options.chunk > options.cap:
        touch(table[0], options.touched)
        return
    entry = bytearray(options.chunk)
    touch(entry, options.touched)
    table.append(entry)  # grows here


if __name__ == "__main__":
    leaker = Leaker(
        "warm-up",
        work,
        lookalike=True,
        rate="1MiB/s",
        chunk=64 * KIB,
        cap=40 * MIB,
        basis="resident",
    )
    run(leaker, Options(leaker, sys.argv[1:]))
