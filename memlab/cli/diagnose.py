"""Name the leak of a process or of a recording, or say why it is none.

TARGET is a pid or a recording made with `memlab record` or `memlab-capture`; several recordings of one
process, made at different times, are judged as one. Reads only; nothing is attached
and nothing is stopped. What another user's process does not let us read is named.
Ctrl-C ends the watch, and the verdict is about what was seen until then.

Exit status: 0 whatever the verdict; 1 for a leak with --fail-on-leak; 2 when TARGET
cannot be read; 3 when the verdict cannot be written.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from memlab.cli import _types
from memlab.errors import Refused

if TYPE_CHECKING:
    from memlab.model.diagnosis import Diagnosis


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TARGET and how to look at it."""
    parser.add_argument(
        "targets",
        metavar="TARGET",
        nargs="+",
        help="a pid, or recordings (run.tar.gz) of one process",
    )
    _types.add_sampling(parser, 15.0)
    parser.add_argument(
        "--interval", type=_types.seconds, default=0.2, help="between samples (default 0.2)"
    )
    parser.add_argument(
        "--confidence",
        type=_types.confidence,
        default=0.99,
        help="end the watch early when a leak is as sure as this (default 0.99; 1: watch it all)",
    )
    parser.add_argument(
        "--control",
        metavar="RECORDING",
        help="of the same program without what is suspected: what grows there as fast is no finding",
    )
    parser.add_argument("--children", action="store_true", help="its descendants too, each judged")
    parser.add_argument("--json", action="store_true", help="print the diagnosis as JSON")
    parser.add_argument("--fail-on-leak", action="store_true", help="exit with 1 when it is a leak")


def run(args: argparse.Namespace) -> int:
    """Watch or open, judge, print."""
    from memlab.diagnose import diagnose
    from memlab.model.diagnosis import Verdict
    from memlab.observe.files import open_recording
    from memlab.observe.joined import join
    from memlab.present.text import diagnosis_text
    from memlab.units import format_seconds

    control = open_recording(args.control) if args.control else None
    pids = [target for target in args.targets if target.isdigit()]
    if pids and len(args.targets) > 1:
        raise Refused(
            f"pid {pids[0]} is watched by itself",
            f"record it first: memlab record {pids[0]} -o now.tar.gz --seconds 15",
        )
    if pids:
        if sys.stderr.isatty() and not args.json:
            print(
                f"watching pid {pids[0]} for {format_seconds(args.seconds)} … (Ctrl-C judges at once)",
                file=sys.stderr,
            )
        found = _watch(args)
        if not found:
            raise KeyboardInterrupt  # before anything was seen
    elif args.children:
        raise Refused("a recording is of one process", "leave --children out")
    else:
        recordings = [open_recording(target) for target in args.targets]
        found = [diagnose(join(recordings, args.targets), control=control)]
    if args.json:
        plain = [one.to_json() for one in found]
        print(json.dumps(plain if args.children else plain[0], indent=2))
    else:
        print("\n\n".join(map(diagnosis_text, found)))
    leaks = any(one.verdict is Verdict.LEAK for one in found)
    return int(args.fail_on_leak and leaks)


def _watch(args: argparse.Namespace) -> list[Diagnosis]:
    from memlab.session import watch_and_diagnose, watch_and_diagnose_family

    how = {"interval": args.interval, "budget": args.budget, "stall": args.stall}
    pid, seconds = int(args.targets[0]), args.seconds
    if args.children:
        family = watch_and_diagnose_family(pid, seconds, interruptible=True, **how)
        return [found for found, _ in family]
    how["confidence"] = args.confidence
    return [watch_and_diagnose(pid, seconds, interruptible=True, **how)[0]]
