"""Run one leaker in the foreground, in its box, its JSON lines on stdout.

It obeys commands on stdin, one a line: pause, resume, rate 2MiB/s, step 3, stop. Ctrl-C
ends it, with status 0: there is no other end. Whatever ends this command, nothing of the leaker
stays behind.

In the environment, MEMLAB_TOTAL=SIZE sets what all leakers of yours may take together (half
of the memory), MEMLAB_FLOOR=SIZE the available memory below which they are ended.
"""

from __future__ import annotations

import argparse
import signal
import sys

from memlab.cli import _types
from memlab.errors import Refused

_NO_OPTIONS = ("command", "name", "lang", "stop_all", "yes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a leaker; leakers/README.md says what each means."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="one of `memlab leakers`")
    parser.add_argument(
        "--stop-all",
        action="store_true",
        help="end every leaker of your user that runs, whoever started it; names them and asks",
    )
    parser.add_argument("--yes", action="store_true", help="--stop-all without a question")
    parser.add_argument("--lang", choices=("c", "python"), help="C where it is written in both")
    parser.add_argument("--rate", type=_types.rate, help="2MiB/s, 4/s or 1/min")
    parser.add_argument(
        "--cap", type=_types.size, help="stop leaking before this, as 200MiB (or 200 things)"
    )
    parser.add_argument("--cap-basis", choices=("virtual", "resident"), help="what the cap counts")
    parser.add_argument("--chunk", type=_types.size, help="bytes of one unit")
    parser.add_argument("--stack-size", type=_types.size, help="the chunk of thread-stack")
    parser.add_argument("--step", type=_types.count, help="units leaked at once (default 1)")
    parser.add_argument("--count", type=_types.count, help="stop leaking after so many events")
    parser.add_argument(
        "--touch", metavar="SHARE", help="share of each chunk that is written (default 1)"
    )
    parser.add_argument("--duration", type=_types.seconds, help="end after so long")
    parser.add_argument(
        "--profile",
        metavar="SHAPE",
        help="linear; step: all of a period at once; accelerating; bursty: one period of four, by chance,"
        " does it all; or sawtooth-with-drift: gives nine tenths back after each period (default linear)",
    )
    parser.add_argument("--period", type=_types.seconds, help="of the profile (default 10 s)")
    parser.add_argument("--jitter", metavar="SHARE", help="how unevenly events come, 0 to 1")
    parser.add_argument("--seed", type=_types.count, help="other chances (default 1)")
    parser.add_argument("--control", action="store_true", help="the same traffic, and no leak")
    parser.add_argument(
        "--paused", action="store_true", help="begin paused; see `step` and `resume`"
    )


def run(args: argparse.Namespace) -> int:
    """Start it and pass lines through until it ends; or end all there are."""
    if (args.name is None) != args.stop_all:
        raise Refused(
            "give the NAME of one leaker, or --stop-all alone", "memlab leakers lists the names"
        )
    if args.stop_all:
        return _stop_all(args.yes)
    from memlab.lab.foreground import run_in_foreground

    options = {k: v for k, v in vars(args).items() if k not in _NO_OPTIONS}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return run_in_foreground(args.name, args.lang, options)


def _stop_all(sure: bool) -> int:
    from memlab.lab.runs import living
    from memlab.lab.stop import stop_all

    there = [run.called for run in living()]
    if there and not sure:
        print(*there, sep="\n")
        many = f"{len(there)} leaker{'' if len(there) == 1 else 's'}"
        if not sys.stdin.isatty():
            raise Refused(
                f"this would end {many} of your user, whoever started them", "--yes ends them"
            )
        if input(f"end {many}, whoever started them? [y/N] ").strip().lower() not in ("y", "yes"):
            return 1
    for sentence in stop_all() or ["no leaker of yours runs"]:
        print(sentence)
    return 0
