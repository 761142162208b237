"""Name the leak of a process, of recordings, or of what you have: or say why it is none.

{targets}

Reads only; nothing is attached and nothing is stopped. What another user's process does not let us
read is named. Ctrl-C ends the watch, and the verdict is about what was seen until then.

Exit status: 0 whatever the verdict; 1 for a leak with --fail-on-leak; 2 when TARGET
cannot be read; 3 when the verdict cannot be written.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from memlab.cli import _targets
from memlab.errors import Refused

if TYPE_CHECKING:
    from memlab.model.diagnosis import Diagnosis

__doc__ = (__doc__ or "").replace("{targets}", _targets.EPILOG)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TARGET and how to look at it."""
    _targets.add_arguments(parser)
    parser.add_argument(
        "--tree",
        action="store_true",
        help="it and its descendants: as one sum, and then those members that leak",
    )
    parser.add_argument(
        "--machine",
        action="store_true",
        help="no TARGET: who eats the machine: processes, by their memory and by what they hold in the kernel,"
        " tmpfs, System V objects, slab caches, callers of vmalloc, or the kernel itself",
    )
    parser.add_argument("--json", action="store_true", help="print the diagnosis as JSON")
    parser.add_argument("--fail-on-leak", action="store_true", help="exit with 1 when it is a leak")


def run(args: argparse.Namespace) -> int:
    """Watch or open, judge, print."""
    from memlab.model.diagnosis import Verdict
    from memlab.present.text import diagnosis_text

    if args.machine:
        found = [_machine(args)]
    else:
        found = _tree(args) if args.tree else [_targets.judged(args)[0]]
    if args.json:
        plain = [one.to_json() for one in found]
        print(json.dumps(plain if args.tree else plain[0], indent=2))
    else:
        print("\n\n".join(map(diagnosis_text, found)))
    leaks = any(one.verdict is Verdict.LEAK for one in found)
    if leaks and not args.json and _targets.is_live(args) and not args.tree:
        print(f"\nmemlab trace {args.target[0]} goes on to the function and line that asks for it")
    return int(args.fail_on_leak and leaks)


def _tree(args: argparse.Namespace) -> list[Diagnosis]:
    from memlab.diagnose.tree import diagnose_tree
    from memlab.model.diagnosis import Verdict
    from memlab.session import watch_and_diagnose_family

    if not _targets.is_live(args):
        raise Refused("a recording is of one process", "leave --tree out")
    _targets.say_that_it_takes_time(args)
    family = watch_and_diagnose_family(
        int(args.target[0]),
        args.seconds,
        interval=args.interval,
        budget=args.budget,
        stall=args.stall,
        interruptible=True,
    )
    if not family:
        raise KeyboardInterrupt
    members = [found for found, _ in family]
    whole = diagnose_tree([recording for _, recording in family], members)
    return [whole, *(one for one in members if one.verdict is Verdict.LEAK)]


def _machine(args: argparse.Namespace) -> Diagnosis:
    from memlab.diagnose.machine import diagnose_machine
    from memlab.observe.machine import watch_machine
    from memlab.session import CostMeter

    if args.target or args.tree or args.control:
        raise Refused("--machine looks at all processes", "leave TARGET, --tree and --control out")
    _targets.say_that_it_takes_time(args)
    meter = CostMeter()
    recording = watch_machine(args.seconds, budget=args.budget)
    if not len(recording):
        raise KeyboardInterrupt
    return diagnose_machine(recording, meter.cost(len(recording)))
