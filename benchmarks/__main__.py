"""Run all benchmarks, or those named: python -m benchmarks [NAME…] [--write]."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from importlib import import_module
from pathlib import Path

import numpy
import psutil

from benchmarks.measure import Line

NAMES = ("smaps_text", "every_process", "many_processes", "disturbance", "startup")
REPORT = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=", ".join(NAMES)
    )
    parser.add_argument("--write", action="store_true", help=f"write docs/{REPORT.name}")
    args = parser.parse_args()
    found: list[Line] = []
    for name in args.names or NAMES:
        for line in import_module(f"benchmarks.{name}").lines():
            print(f"{line.work:<34} {line.where:<32} {line.measured:<26} {_goal(line)}", flush=True)
            found.append(line)
    if args.write:
        REPORT.write_text(_report(found))
    missed = [line for line in found if line.reached is False]
    print(f"{len(missed)} of {sum(line.reached is not None for line in found)} goals missed")
    return 0


def _goal(line: Line) -> str:
    return {True: f"{line.goal}  reached", False: f"{line.goal}  MISSED", None: ""}[line.reached]


def _report(lines: list[Line]) -> str:
    about = (
        f"Linux {platform.release()}, Python {platform.python_version()}, numpy {numpy.__version__},"
        f" psutil {psutil.__version__}, {os.cpu_count()} cores"
    )
    rows = [f"| {line.work} | {line.where} | {line.measured} | {_goal(line)} |" for line in lines]
    return "\n".join([_INTRODUCTION, about + ".", "", _HEADER, *rows, ""])


_INTRODUCTION = """# What looking costs

Written by `make bench`. All figures of a line were taken in one run, in turns, as medians of CPU time (user and
kernel) unless a line says wall. The floor is reading the same text and throwing it away: what the kernel itself takes.
*cold* is the first reading of a process, *warm* a reading by one who has read the same process before. A ratio
holds for this machine; run it on yours.
"""
_HEADER = "| work | where | measured | goal |\n|---|---|---|---|"

if __name__ == "__main__":
    sys.exit(main())
