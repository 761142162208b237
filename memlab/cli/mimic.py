"""Propose the leaker whose curve is closest to a recorded process.

TARGET is a recording made with `memlab record`, or a pid that is watched first. What leaks, how
fast and in what shape is fitted to what the kernel showed; the last line of the proposal is the
command that reproduces it. The distance is the root of the mean squared gap between both curves,
laid over each other at their mean. Of curves that are about as close the plainest is proposed: one with
more to choose from must halve the distance.

Exit status: 0, also where nothing of the bank fits; 2 when TARGET cannot be read, or --html has no curve to show.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from memlab.cli import _types

if TYPE_CHECKING:
    from memlab.model.mimicry import Mimicry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TARGET, whether to run the proposal, and what to print."""
    parser.add_argument("target", metavar="TARGET", help="a recording (run.tar.gz), or a pid")
    parser.add_argument(
        "--run",
        action="store_true",
        help="run the proposal in its box, record it, and measure the distance",
    )
    parser.add_argument(
        "--seconds",
        type=_types.seconds,
        help="how long to watch a pid (default 15), and to run (default: as was recorded)",
    )
    parser.add_argument("--html", metavar="FILE", help="write both curves as a page")
    parser.add_argument("--json", action="store_true", help="print the proposal as JSON")


def run(args: argparse.Namespace) -> int:
    """Open or watch, propose, perhaps run, print."""
    from memlab.lab.mimic import reenact
    from memlab.present.mimic import mimicry_text, write_page

    found = _mimicked(args)
    if args.run and found.best is not None:
        _say(args, f"running {found.best.leaker} …")
        found = reenact(found, args.seconds)
    print(json.dumps(found.to_json(), indent=2) if args.json else mimicry_text(found))
    if args.html:
        write_page(found, args.html)
        _say(args, f"both curves: {args.html}")
    return 0


def _mimicked(args: argparse.Namespace) -> Mimicry:
    from memlab.lab.mimic import mimic
    from memlab.observe.files import open_recording
    from memlab.session import watch_and_diagnose

    if not args.target.isdigit():
        return mimic(open_recording(args.target))
    seconds = args.seconds or 15.0
    _say(args, f"watching pid {args.target} for {seconds:.0f} s …")
    diagnosis, recording = watch_and_diagnose(int(args.target), seconds)
    return mimic(recording, diagnosis)


def _say(args: argparse.Namespace, sentence: str) -> None:
    if sys.stderr.isatty() and not args.json:
        print(sentence, file=sys.stderr)
