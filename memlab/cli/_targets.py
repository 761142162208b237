"""What a verdict is asked of: a pid, one recording or several, or pasted texts; one way for all commands."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from memlab.cli import _types
from memlab.errors import Refused

if TYPE_CHECKING:
    from memlab.model.diagnosis import Diagnosis
    from memlab.model.recording import Recording

    Judged = tuple[Diagnosis, Recording]

EPILOG = """TARGET is a pid; a recording made with `memlab record` or `memlab-capture`, or several of one process, which
are judged together; or what you have of it: texts that pidstat -r, top -b, ps aux, smem, pmap, free, slabtop,
strace -f -o or dmesg printed, or copies of its smaps, smaps_rollup, maps, status, and of meminfo and slabinfo;
of several looks each, in one file or in several, in their order. `-` is stdin."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TARGET, and how to look at it."""
    parser.add_argument(
        "target",
        metavar="TARGET",
        nargs="*",
        help="a pid, recordings, or pasted texts (- is stdin)",
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
    parser.add_argument(
        "--pid",
        type=_types.pid,
        help="of which process pasted texts are; without it of the one that grew most",
    )


def is_live(args: argparse.Namespace) -> bool:
    """Whether a process is to be watched."""
    return len(args.target) == 1 and args.target[0].isdigit()


def judged(args: argparse.Namespace) -> Judged:
    """Watch or open, and judge. KeyboardInterrupt where it was pressed before anything was seen."""
    from memlab.diagnose import diagnose
    from memlab.observe.files import open_recording

    if not args.target:
        raise Refused("nothing was named to judge", "give a pid, a recording or a pasted text")
    control = open_recording(args.control) if args.control else None
    if not is_live(args):
        recording = opened(args)
        turned = f"memlab diagnose {args.control} --control {' '.join(args.target)}"
        if len(args.target) == 1 and is_recording(args.target[0]):
            return diagnose(recording, control=control, turned=turned), recording
        return diagnose(recording, control=control), recording
    from memlab.session import watch_and_diagnose

    say_that_it_takes_time(args)
    found, recording = watch_and_diagnose(
        int(args.target[0]),
        args.seconds,
        confidence=args.confidence,
        interval=args.interval,
        budget=args.budget,
        stall=args.stall,
        interruptible=True,
    )
    if not len(recording):
        raise KeyboardInterrupt
    return diagnose(recording, found.cost, control=control) if control else found, recording


def opened(args: argparse.Namespace) -> Recording:
    """The recordings, joined, or the pasted texts, merged."""
    from memlab.observe.files import open_recording
    from memlab.observe.joined import join
    from memlab.observe.pasted import open_pasted

    numbers = [target for target in args.target if target.isdigit() and not Path(target).exists()]
    if numbers:
        raise Refused(
            f"pid {numbers[0]} is watched by itself",
            f"record it first: memlab record {numbers[0]} -o now.tar.gz --seconds 15",
        )
    recorded = [target for target in args.target if is_recording(target)]
    for folder in map(Path, recorded):
        if folder.is_dir() and not (folder / "header.json").exists():
            raise Refused(
                f"{folder} is a folder and is no recording", "name the files in it, or a recording"
            )
    if not recorded:
        return open_pasted(args.target, args.pid)
    if len(recorded) < len(args.target):
        raise Refused("recordings and pasted texts do not mix", "hand in the ones or the others")
    recordings = [open_recording(target) for target in recorded]
    return join(recordings, recorded)


def is_recording(target: str) -> bool:
    """A folder, or a file that is packed; a text is neither."""
    path = Path(target)
    if target.endswith((".tar.gz", ".tgz", ".tar")):
        return True
    try:
        if path.is_dir():
            return True
        with path.open("rb") as file:
            return file.read(2) == b"\x1f\x8b"
    except OSError:
        return False


def say_that_it_takes_time(args: argparse.Namespace) -> None:
    """To a person, on stderr."""
    from memlab.units import format_seconds

    if sys.stderr.isatty() and not getattr(args, "json", False):
        most = "" if args.confidence >= 1 else " at most"
        what = f"pid {args.target[0]}" if args.target else "the machine"
        print(
            f"watching {what} for {format_seconds(args.seconds)}{most} … (Ctrl-C judges at once)",
            file=sys.stderr,
        )
