"""The verdict as a page: what grew, marked, why it is a leak or none, and what to do next.

{targets}

--html writes one file that opens without memlab and without a network; --ticket prints at most
eight lines for a chat or an issue.

Exit status: 0 whatever the verdict; 2 when TARGET cannot be read or FILE cannot be written; 3 when the
output cannot be written.
"""

from __future__ import annotations

import argparse
import sys

from memlab.cli import _targets

__doc__ = (__doc__ or "").replace("{targets}", _targets.EPILOG)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TARGET, how to look at it, and in what form to tell."""
    _targets.add_arguments(parser)
    parser.add_argument("--html", metavar="FILE", help="write the page as one file to send")
    parser.add_argument("--ticket", action="store_true", help="eight lines to paste")


def run(args: argparse.Namespace) -> int:
    """Watch or open, judge, tell."""
    from memlab.lab.elsewhere import elsewhere
    from memlab.present.explain import explain_html, explain_text
    from memlab.present.page import write
    from memlab.present.text import headline
    from memlab.present.ticket import ticket_text

    found, recording = _targets.judged(args)
    if args.html:
        write(explain_html(found, recording, elsewhere(found, recording)), args.html)
        print(f"{headline(found)}; the page: {args.html}", file=sys.stderr)
    if args.ticket:
        print(ticket_text(found))
    elif not args.html:
        print(explain_text(found, recording, elsewhere(found, recording)))
    return 0
