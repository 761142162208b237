"""Leaks open files: a descriptor each, for a file that is long read.

    kept, a list     /proc/PID/fd
    file             4 -> /etc/passwd
    file             5 -> /etc/passwd

As an exception does whose traceback is kept, and with it the frame, and with that the file.
--control closes it in the same event.
"""

import sys

from _harness import NEVER_TOUCHED, Leaker, Options, run

kept = []


def leak(_options):
    """Open, and never close."""
    kept.append(open("/etc/passwd", "rb", buffering=0))  # leaks here  # noqa: SIM115


def give_back():
    """Close the newest."""
    kept.pop().close()


if __name__ == "__main__":
    leaker = Leaker(
        "fd-files",
        leak,
        give_back,
        pattern="fd",
        rate="40/s",
        cap=400,
        basis="count",
        touch=NEVER_TOUCHED,
    )
    run(leaker, Options(leaker, sys.argv[1:]))
