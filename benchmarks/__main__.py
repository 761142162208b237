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

NAMES = (
    "smaps_text",
    "growth",
    "every_process",
    "many_processes",
    "disturbance",
    "startup",
)
REPORT = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=", ".join(NAMES)
    )
    parser.add_argument("--write", action="store_true", help=f"write docs/{REPORT.name}")
    args = parser.parse_args()
    found: list[Line] = []
    loads = [os.getloadavg()[0]]
    for name in args.names or NAMES:
        for line in import_module(f"benchmarks.{name}").lines():
            print(f"{line.work:<34} {line.where:<32} {line.measured:<26} {_goal(line)}", flush=True)
            found.append(line)
        loads.append(os.getloadavg()[0])
    if args.write:
        REPORT.write_text(_report(found, loads))
    missed = [line for line in found if line.reached is False]
    print(f"{len(missed)} of {sum(line.reached is not None for line in found)} goals missed")
    return 0


def _goal(line: Line) -> str:
    return {True: f"{line.goal}  reached", False: f"{line.goal}  MISSED", None: ""}[line.reached]


def _report(lines: list[Line], loads: list[float]) -> str:
    about = (
        f"Linux {platform.release()}, Python {platform.python_version()}, numpy {numpy.__version__},"
        f" psutil {psutil.__version__}, {os.cpu_count()} cores, load {min(loads):.1f} to {max(loads):.1f}"
    )
    rows = [f"| {line.work} | {line.where} | {line.measured} | {_goal(line)} |" for line in lines]
    return "\n".join([_INTRODUCTION, about + ".", "", _HEADER, *rows, "", _LIMITS])


_INTRODUCTION = """# What looking costs

Written by `make bench`. All figures of a line were taken in one run, in turns, as medians of CPU time (user and
kernel) unless a line says wall. The floor is reading the same text and throwing it away: what the kernel itself takes.
*cold* is the first reading of a process, by one who has read others before and knows how this kernel lays out its
text; *warm* a reading by one who has read the same process before. A ratio holds for this machine; run it on yours.
"""
_HEADER = "| work | where | measured | goal |\n|---|---|---|---|"
_LIMITS = """## What is near its limit

The measuring itself is a load of about 1. With more than that, others use the caches and the cores too, which weighs on
numpy more than on the kernel's own work.

- *smaps, cold*: what is beyond the floor has a fixed part, which the lines of 50 mappings show: some 150 small steps of
  numpy, each at a microsecond or two because the kernel's text has just emptied the caches. To it comes for each
  mapping a tenth of what the kernel takes. At 1,000 mappings the two parts are alike, and the goal is missed: twelve
  runs on an idle machine gave 1.20 to 1.30. psutil and pmap have their turns in between, and leave nothing of numpy's
  code in the caches; in turns with the floor alone it is 1.17 to 1.24, over and over 1.18.
- *growth*: "not looked at" is what the kernel takes to write maps and to walk the pages, with nothing parsed. What it
  leaves of 0.35 × the floor is for all the rest: at 1,000 mappings the fixed steps count as above, and at 60,000 the
  kernel takes longer for each mapping, so that some 0.045 × the floor, 130 ns a mapping, are left. Uniform mappings
  reach the goal; mixed ones, of which each has a name, were between 0.335 and 0.376 on an idle machine.
- *delay of mmap + munmap* counts whatever holds the target up, others on its core as well.
"""

if __name__ == "__main__":
    sys.exit(main())
