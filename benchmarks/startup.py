"""How long a user waits for `memlab --help`, beyond Python's own start."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.measure import Line, at_most

_ROUNDS = 21


def lines() -> Iterator[Line]:
    bare, helped = [], []
    for _ in range(_ROUNDS):
        bare.append(_wall("-c", "pass"))
        helped.append(_wall("-m", "memlab.cli.main", "--help"))
    beyond = (statistics.median(helped) - statistics.median(bare)) * 1e3
    yield at_most("memlab --help", "beyond `python -c pass`, wall", beyond, 60, "ms")
    yield at_most("memlab --help", "modules of numpy it imports", _of_numpy(), 0, "modules")


def _of_numpy() -> int:
    code = (
        "import sys, runpy; sys.argv = ['memlab', '--help']\n"
        "try: runpy.run_module('memlab.cli.main', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(sum(name.partition('.')[0] == 'numpy' for name in sys.modules), file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(found.stderr.split()[-1])


def _wall(*arguments: str) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began
