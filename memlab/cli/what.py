"""Explain pasted memory text or a field's name, in plain words.

Any lines of /proc files (smaps, maps, status, meminfo, …), of pidstat, top, ps, smem, pmap, free,
ipcs or vmstat, of a kernel log with an OOM report; as arguments, or pasted to standard input. Or a
name: `memlab what Pss`, `memlab what VmFlags rd`, `memlab what meminfo Cached`.
A text that begins with a dash goes behind `--`: `memlab what -- ---p`.
"""

from __future__ import annotations

import argparse
import shutil
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TEXT…, --here, --width."""
    parser.add_argument(
        "text", metavar="TEXT", nargs="*", help="lines or a name; without, standard input is read"
    )
    parser.add_argument(
        "--here",
        action="store_true",
        help="the text is from this machine: compare sizes with its memory, tell units by it",
    )
    parser.add_argument(
        "--width", metavar="COLUMNS", type=_width, help="wrap here (default: the terminal's width)"
    )


def _width(text: str) -> int:
    if not text.isdecimal() or not 40 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no width: write a number of columns from 40 to 1000"
        )
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Print the explanation."""
    from memlab.present.what import what_text
    from memlab.procfs import meminfo
    from memlab.procfs.host import Host

    text = " ".join(args.text) or _pasted()
    total = meminfo.read(Host()).mem_total if args.here else None
    width = args.width or max(shutil.get_terminal_size((100, 24)).columns, 40)
    # a name of a process may hold bytes that are no text
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    print(what_text(text, width, total))
    return 0


def _pasted() -> str:
    if sys.stdin.isatty():
        print("memlab what: paste the lines, then Ctrl-D", file=sys.stderr, flush=True)
    return sys.stdin.buffer.read().decode(errors="replace")
