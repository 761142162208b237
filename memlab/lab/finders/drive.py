"""Runs a Python leaker to an orderly end, for tools that speak at the interpreter's exit.

    python drive.py LEAKER.py OPTIONS…

A leaker ends by os._exit, after which no tool has a last word. Where tracemalloc was started it has one too.
"""

from __future__ import annotations

import os
import runpy
import sys
import tracemalloc


def main() -> None:
    """Run it, with exit in the place of _exit; the children that it forks keep theirs."""
    program, first, at_once = sys.argv[1], os.getpid(), os._exit

    def end(status: int) -> None:
        if os.getpid() != first:
            at_once(status)
        raise SystemExit(status)

    os._exit = end  # type: ignore[assignment]
    sys.argv = sys.argv[1:]
    sys.path.insert(0, os.path.dirname(program))
    try:
        runpy.run_path(program, run_name="__main__")
    finally:
        if tracemalloc.is_tracing():
            _report()


def _report() -> None:
    for one in tracemalloc.take_snapshot().statistics("traceback")[:10]:
        print(f"{one.size} bytes in {one.count} blocks", file=sys.stderr)
        for frame in reversed(one.traceback):
            print(f"  {os.path.basename(frame.filename)}:{frame.lineno}", file=sys.stderr)
        print(file=sys.stderr)


if __name__ == "__main__":
    main()
