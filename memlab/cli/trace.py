"""From "which mapping grows" to the line of code: attach the tool that fits, and name who asked.

  memlab trace PID                      watch it, choose the tool by what grows, attach it
  memlab trace PID --pattern fd         attach at once, the tool for this pattern
  memlab trace PID --engine strace      attach at once, this tool; with --pattern for that

Without a pattern or an engine it is watched first, read-only, as `memlab diagnose` does. Where the tool explains less
than half of what grew, the next one for the pattern is asked too. What attaching costs the process is said before. It
ends by itself; Ctrl-C ends it early and shows what was seen until then. Whatever becomes of memlab, the process goes
on, untraced.

Exit status: 0 with an answer, also an empty one; 2 when it cannot be traced: one line says why and what
would help; 3 when the answer cannot be written.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from typing import TYPE_CHECKING

from memlab.cli import _types

if TYPE_CHECKING:
    from memlab.model.diagnosis import Diagnosis
    from memlab.model.stacks import Stacks
    from memlab.trace.choose import Choice


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """PID, which tool for how long, and in what form to tell."""
    parser.add_argument("pid", metavar="PID", type=_types.pid)
    parser.add_argument(
        "--seconds", type=_types.seconds, default=10.0, help="how long it is attached (default 10)"
    )
    parser.add_argument(
        "--watch",
        type=_types.seconds,
        default=15.0,
        help="how long to watch before, at most, to see what grows (default 15)",
    )
    parser.add_argument("--engine", metavar="NAME", help="strace, …; a wrong name lists them")
    parser.add_argument(
        "--pattern",
        type=_types.pattern,
        metavar="PATTERN",
        help="what leaks, as memlab diagnose calls it",
    )
    parser.add_argument("--json", action="store_true", help="print the stacks as JSON")
    parser.add_argument("--html", metavar="FILE", help="write a page with the stacks as an icicle")


def run(args: argparse.Namespace) -> int:
    """Watch, choose, say the price, attach, tell."""
    from memlab.present.page import write
    from memlab.present.stacks import stacks_html, stacks_text
    from memlab.present.text import headline
    from memlab.procfs import comm
    from memlab.procfs.host import Host
    from memlab.trace.choose import after, explained, reachable

    reachable(args.pid)
    name = comm.read(Host(), args.pid)
    choice, diagnosis = _choice(args)
    if diagnosis is not None:
        print(headline(diagnosis), file=sys.stderr)
    for sentence in choice.passed_over:
        print(sentence, file=sys.stderr)
    stacks = _traced(args, choice)
    while (further := after(choice, stacks, args.pid)) is not None:
        print(f"{choice.engine.name} explains less than half of what grew", file=sys.stderr)
        choice, before = further, stacks
        stacks = max(_traced(args, choice), before, key=explained)
    if args.html:
        write(stacks_html(stacks, name), args.html)
    if args.json:
        seen = None if diagnosis is None else diagnosis.to_json()
        print(json.dumps({**stacks.to_json(), "diagnosis": seen}, indent=2))
    elif not args.html:
        print(stacks_text(stacks, name))
    return 0


def _choice(args: argparse.Namespace) -> tuple[Choice, Diagnosis | None]:
    """By name, by pattern, or by what a watch shows to grow."""
    from memlab.session import plan_trace
    from memlab.trace.choose import Choice, choose, named

    if args.engine:
        engine = named(args.engine)
        engine.check(args.pid, args.pattern)
        return Choice(engine, args.pattern), None
    if args.pattern:
        return choose(args.pid, (args.pattern,)), None
    if sys.stderr.isatty():
        print(f"watching pid {args.pid} for {args.watch:g} s at most …", file=sys.stderr)
    return plan_trace(args.pid, args.watch)


def _traced(args: argparse.Namespace, choice: Choice) -> Stacks:
    """Say the price, attach; Ctrl-C lets go, and what was seen until then is the answer."""
    from memlab.trace.watch import Watch

    price = f"{choice.engine.name} attaches to pid {args.pid} for {args.seconds:g} s: "
    price += choice.engine.price(choice.pattern)
    print(price, file=sys.stderr, flush=True)
    watch = Watch(args.seconds)
    before = signal.signal(signal.SIGINT, lambda *_: watch.stop.set())
    try:
        return choice.engine.trace(args.pid, watch, choice.pattern)
    finally:
        signal.signal(signal.SIGINT, before)
