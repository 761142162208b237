"""Leaks pipes: two descriptors each, that nobody closes.

    /proc/PID/fd       the kernel
    4 -> pipe:[71] --> +------------------+
    5 -> pipe:[71] --> | pipe, 16 slots   |  about a kilobyte, empty
                       +------------------+

os.pipe returns numbers, not objects: no collector ever closes them.
--control closes both in the same event.
"""

import os
import sys

from _harness import NEVER_TOUCHED, Leaker, Options, run

kept = []


def leak(_options):
    """Open, and never close."""
    kept.append(os.pipe())  # leaks here


def give_back():
    """Close the newest."""
    for end in kept.pop():
        os.close(end)


if __name__ == "__main__":
    leaker = Leaker(
        "fd-pipes",
        leak,
        give_back,
        pattern="fd",
        rate="20/s",
        cap=200,
        basis="count",
        touch=NEVER_TOUCHED,
    )
    run(leaker, Options(leaker, sys.argv[1:]))
