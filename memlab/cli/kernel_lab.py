"""Run an experiment in a guest, and print what came of it.

kmalloc   a module leaks: which fields rise, what rmmod and the end of a program give back, and what a reboot does
kmemleak  what it finds, when, and what it misses; needs the full kernel
price     what kmemleak, slub_debug and page_owner cost, as ratios; with the quick kernel slub_debug only
oom       the machine runs out of memory: the whole report, who dies, and who should
console   what a serial console costs: how long an OOM report keeps everybody waiting, at four loglevels, with and
          without the table of tasks, at 115,200 and 9,600 baud (six minutes; --quick: some cells, a minute)

--record keeps the guest's /proc as a recording (of the first three), --log its kernel's log (of all but console).
"""

from __future__ import annotations

import argparse
from importlib import import_module

from memlab.cli import kernel_lab_console
from memlab.errors import Refused

CONSOLE = "console"
LABS = {
    "kmalloc": "memlab.lab.guest.labs.kmalloc",
    "kmemleak": "memlab.lab.guest.labs.kmemleak",
    "price": "memlab.lab.guest.labs.price",
    "oom": "memlab.lab.guest.labs.oom",
    CONSOLE: "memlab.lab.guest.labs.console",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lab, on which kernel, and what to keep."""
    parser.add_argument("lab", metavar="NAME", choices=LABS, help=", ".join(LABS))
    parser.add_argument("--full", action="store_true", help="on the kernel with kmemleak")
    parser.add_argument(
        "--make",
        action="store_true",
        help="make the kernel first where there is none: it fetches 42 MB, for a full one 145 MB",
    )
    parser.add_argument("--record", metavar="OUT", help="keep the guest's /proc as a recording")
    parser.add_argument("--log", metavar="OUT", help="keep the guest's kernel log")
    kernel_lab_console.add_arguments(parser)
    parser.add_argument(
        "--write",
        metavar="PAGE",
        help="put the result into this Markdown page, in place of the last one",
    )


def run(args: argparse.Namespace) -> int:
    """Run it, print, keep."""
    _check(args)
    if args.make:
        _make(args)
    if args.lab == CONSOLE:
        return kernel_lab_console.run(args)
    from pathlib import Path

    from memlab.cli._progress import progress
    from memlab.lab.guest import guest
    from memlab.lab.guest.labs import page
    from memlab.observe.files import save_recording

    lab, kind = import_module(LABS[args.lab]), _kind(args)
    say = progress()
    guest(kind)  # here it says what is missing
    say("booting: 5 s, a minute where the machine is busy")
    result = lab.run(kind, say)
    print(result.text())
    if args.record and result.recording is not None:
        save_recording(result.recording, args.record)
    if args.log:
        Path(args.log).write_text(result.log)
    if args.write:
        full = " --full" if args.full else ""
        page.put(Path(args.write), args.lab, f"memlab kernel lab {args.lab}{full}", result.text())
    return 0


def _check(args: argparse.Namespace) -> None:
    """What is not of this lab is refused before anything is fetched."""
    if args.lab == CONSOLE:
        kernel_lab_console.check(args)
    elif args.quick or args.html or args.json:
        raise Refused("--quick, --html and --json are of the console lab", "leave them out")


def _kind(args: argparse.Namespace) -> str:
    """Which kernel: the one that was asked for, or that the lab needs."""
    needs_full = args.lab != CONSOLE and import_module(LABS[args.lab]).NEEDS_FULL
    return "full" if args.full or needs_full else "quick"


def _make(args: argparse.Namespace) -> None:
    """From an empty cache to the table in one command."""
    from memlab.cli._kernel import made
    from memlab.cli._progress import progress

    maker = import_module(f"memlab.lab.guest.{_kind(args)}")
    made(maker.make, progress())
