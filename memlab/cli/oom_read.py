"""Explain the OOM reports of a log: who asked, what was short, who should have died, and who did.

FILE is what dmesg, journalctl -k, a syslog or /dev/kmsg gave, of any kernel from 2.6 on; - is standard input.
Who is predicted is computed from the report's table by the rule of that kernel (2.6.36 and later).
--adj 4242=-500 says who would have died if process 4242 had had that oom_score_adj; it may be repeated.
--json prints one object per report, one per line (docs/oom-json.md).
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from memlab.cli import _types
from memlab.errors import Denied, MemlabError, Unsupported

if TYPE_CHECKING:
    from memlab.model.oom_verdict import Judged
    from memlab.procfs.oom_report import Log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """FILE or --kmsg, and how to show it."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", metavar="FILE", nargs="?", help="a log; - for standard input")
    source.add_argument(
        "--kmsg", action="store_true", help="what this kernel's ring buffer still holds"
    )
    parser.add_argument(
        "--adj", metavar="PID=VALUE", type=_adj, action="append", default=[],
        help="who would have died if this process had had another oom_score_adj",
    )  # fmt: skip
    parser.add_argument(
        "--swap", metavar="SIZE", type=_types.size, default=None,
        help="the machine's swap, which the report of a cgroup does not tell (with --kmsg: this one's)",
    )  # fmt: skip
    parser.add_argument(
        "--top", metavar="N", type=_types.count, default=10, help="tasks to list (default 10)"
    )
    parser.add_argument("--html", metavar="OUT", help="write figures and text as one page")
    parser.add_argument("--json", action="store_true", help="one object per report, one per line")


def _adj(text: str) -> tuple[int, int]:
    pid, found, value = text.partition("=")
    digits = value.removeprefix("-")
    if (
        not found or not (pid.isascii() and pid.isdigit()) or len(pid) > 10
        or not (digits.isascii() and digits.isdigit()) or not -1000 <= int(value[:6]) <= 1000
    ):  # fmt: skip
        raise argparse.ArgumentTypeError(
            f"{text!r} is no PID=VALUE: write it like 4242=-500, the value from -1000 to 1000"
        )
    return int(pid), int(value)


def run(args: argparse.Namespace) -> int:
    """Read, judge, print."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    # it has no end: who reads on waits for the next line
    args.kmsg |= args.file == "/dev/kmsg"
    log = _log(args)
    name = "/dev/kmsg" if args.kmsg else "standard input" if args.file == "-" else args.file
    if not log.reports:
        raise Unsupported(
            f"there is no OOM report in {name}",
            "hand over a kernel log, as `journalctl -k` or dmesg prints it",
        )
    found = _judged(log, dict(args.adj), args.swap)
    if args.html:
        from memlab.present.oom_figure import oom_page
        from memlab.present.page import write

        write(oom_page(found, args.top), args.html)
    if args.json:
        from memlab.present.oom_json import oom_json

        for one in found:
            print(oom_json(one))
    elif args.html:
        print(f"the page: {args.html}", file=sys.stderr)
    else:
        from memlab.present.oom import oom_text

        print("\n\n".join(oom_text(one, args.top) for one in found))
    _say_what_is_missing(log)
    return 0


def _judged(log: Log, adj: dict[int, int], swap: int | None) -> list[Judged]:
    """Each report with those of the other values whose process it has; one that none has is refused."""
    from memlab.errors import Refused
    from memlab.model.oom_verdict import judge

    found, met = [], set()
    for report in log.reports:
        here = {pid for pid in adj if any(row.pid == pid for row in report.rows)}
        met |= here
        found.append(judge(report, {pid: adj[pid] for pid in here}, swap))
    if missing := adj.keys() - met:
        raise Refused(
            f"process {min(missing)} is in no table of these reports", "--json lists who is"
        )
    return found


def _say_what_is_missing(log: Log) -> None:
    if log.dropped:
        print(f"memlab oom read: {log.dropped} more reports were passed over", file=sys.stderr)
    if log.cut:
        print("memlab oom read: the log is longer than what was read", file=sys.stderr)


def _log(args: argparse.Namespace) -> Log:
    from memlab.procfs import meminfo, oom_report
    from memlab.procfs.host import Host

    if args.kmsg:
        log = oom_report.kmsg()
        if args.swap is None:
            args.swap = meminfo.read(Host()).swap_total
        return log
    if args.file == "-":
        return oom_report.stream(sys.stdin.buffer)
    try:
        with open(args.file, "rb") as file:
            if file.peek(2)[:2] == b"\x1f\x8b":
                raise Unsupported(
                    f"{args.file} is compressed", f"zcat {args.file} | memlab oom read -"
                )
            return oom_report.stream(file)
    except MemlabError:
        raise
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file has such a name"
        raise Denied(f"{args.file} cannot be read: {why}", "name a log file") from None
