"""Let an OOM report go through rsyslog into files, and see what each of them kept.

Debian's rsyslog is started as a process of its own, with its own socket and files, and ended and removed after;
the machine's own is left alone. FILE is a kernel log with a report in it (as for `memlab oom read`); without it a
recorded one is sent. --kmsg lets rsyslog read this machine's ring buffer, as root.
"""

from __future__ import annotations

import argparse
import json
import sys

from memlab.errors import Denied


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to send, and where to keep what came."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("file", metavar="FILE", nargs="?", help="a log with an OOM report in it")
    source.add_argument("--kmsg", action="store_true", help="what this machine's ring buffer holds")
    parser.add_argument("--keep", metavar="OUT", help="copy what came into `messages` to this file")
    parser.add_argument("--json", action="store_true", help="what came, as one object")


def run(args: argparse.Namespace) -> int:
    """Send, wait, compare."""
    from memlab.lab.logged import deliver, deliver_own, shipped_report
    from memlab.present.logged import logged_text

    def say(words: str) -> None:
        print(words, file=sys.stderr if args.json else sys.stdout, flush=True)

    if args.kmsg:
        delivered = deliver_own(say)
    else:
        delivered = deliver(_text(args.file) if args.file else shipped_report(), say)
    if args.keep:
        _keep(args.keep, delivered.texts["messages"])
    if args.json:
        print(json.dumps({
            "way": delivered.way, "sent": len(delivered.sent.lines), "reports": len(delivered.reports),
            "files": [
                {"name": one.name, "selector": one.selector, "lines": one.lines, "equal": one.equal,
                 "lost": [{"level": line.level, "text": line.text} for line in one.lost]}
                for one in delivered.files
            ],
        }))  # fmt: skip
    else:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        found = len(delivered.reports)
        print(logged_text(delivered.way, delivered.sent, found, delivered.files))
        if args.keep:
            print(f"\n  next      memlab oom read {args.keep}")
    return 0


def _text(name: str) -> bytes:
    try:
        with open(name, "rb") as file:
            return file.read(1 << 24)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file has such a name"
        raise Denied(f"{name} cannot be read: {why}", "name a log file") from None


def _keep(name: str, text: bytes) -> None:
    try:
        with open(name, "wb") as file:
            file.write(text)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file has such a name"
        raise Denied(f"{name} cannot be written: {why}", "choose another place") from None
