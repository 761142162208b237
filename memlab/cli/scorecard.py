"""Score the verdict: run a draw of the bank blind, and count what was right.

Leakers, their controls and look-alikes run side by side, in their boxes, with rates and shapes that
are drawn; each is watched by `memlab record` and judged by what `memlab diagnose` uses, beside four
plain detectors. All files and the recordings are in --out; in a checkout the full draw
writes docs/scorecard.md as well, and the data of its figures for chapter 12. Cut off at any moment, --resume goes on.

Exit status: 0; 1 with --floor when verdicts are worse than chance explains; 2 when it cannot run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from memlab.cli import _types

if TYPE_CHECKING:
    from memlab.lab.scorecard.score import Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which draw, where it goes, and whether it is begun, resumed or judged anew."""
    parser.add_argument(
        "--quick", action="store_true", help="84 cases of 30 s, about 5 minutes (full: an hour)"
    )
    parser.add_argument("--seed", type=_types.count, default=1, help="another draw (default 1)")
    parser.add_argument("--cases", type=_types.count, help="draw so many only")
    parser.add_argument("--seconds", type=_types.seconds, help="length of each watch")
    parser.add_argument("--out", metavar="DIR", help="its folder (default ./memlab-scorecard)")
    parser.add_argument("--resume", action="store_true", help="go on with what is in --out")
    parser.add_argument(
        "--rejudge", metavar="DIR", help="run nothing: judge the recordings of DIR by this version"
    )
    parser.add_argument(
        "--floor", action="store_true", help="exit with 1 when it is worse than chance explains"
    )


def run(args: argparse.Namespace) -> int:
    """Run or rejudge, write, summarise."""
    from memlab.lab.scorecard import make

    folder = Path(args.rejudge or args.out or "memlab-scorecard")
    if args.rejudge:
        results = make.rejudge(folder, _say)
    else:
        results = make.make(
            folder,
            seed=args.seed,
            quick=args.quick,
            seconds=args.seconds,
            most=args.cases,
            resume=args.resume,
            say=_say,
        )
    return _finish(folder, results, args.floor)


def _finish(folder: Path, results: list[Result], floor: bool) -> int:
    from memlab.lab.scorecard.files import write
    from memlab.lab.scorecard.goals import floors, goals
    from memlab.lab.scorecard.score import counted

    for path in write(folder, results):
        _say(f"wrote {path}")
    inside = counted(results)
    words = {True: "met", False: "missed", None: "not measured"}
    for goal in goals(inside):
        print(f"{words[goal.met]:12} {goal.demand}: {goal.found}")
    broken = floors(inside) if floor else []
    for sentence in broken:
        print(f"memlab scorecard: {sentence}", file=sys.stderr)
    return int(bool(broken))


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
