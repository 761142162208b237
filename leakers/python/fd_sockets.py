"""Leaks sockets: connected, and never closed.

    kept, a list       /proc/PID/fd
    socket, socket     4 -> socket:[81]  <--+
                       5 -> socket:[82]  <--+ each the other's peer

A socket object closes itself when it is dropped; these are in a list of connections that nobody
cleans. --control closes both in the same event.
"""

import socket
import sys

from _harness import NEVER_TOUCHED, Leaker, Options, run

kept = []


def leak(_options):
    """Open, and never close."""
    kept.append(socket.socketpair())  # leaks here


def give_back():
    """Close the newest."""
    for end in kept.pop():
        end.close()


if __name__ == "__main__":
    leaker = Leaker(
        "fd-sockets",
        leak,
        give_back,
        pattern="fd",
        rate="20/s",
        cap=200,
        basis="count",
        touch=NEVER_TOUCHED,
    )
    run(leaker, Options(leaker, sys.argv[1:]))
