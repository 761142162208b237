"""memlab: See, learn and name Linux memory leaks.

Exit status: 0 done, 1 a leak was found (only with `diagnose --fail-on-leak`),
2 the request cannot be carried out: one line on stderr says why, 3 no answer: the output
cannot be written, or memlab itself failed, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from traceback import print_exc
from typing import NoReturn

from memlab import __version__
from memlab.cli._commands import described
from memlab.cli._output import Unwritten, forget, prepare
from memlab.errors import MemlabError, Unsupported, meant

COMMANDS = (
    "lab",
    "leakers",
    "leak",
    "finders",
    "sweep",
    "diagnose",
    "explain",
    "trace",
    "record",
    "redact",
    "mimic",
    "scorecard",
    "strangers",
    "pidstat",
    "pmap",
    "top",
    "what",
    "why",
    "compare",
    "translate",
    "meminfo",
    "owners",
    "oom",
    "printk",
    "tmpfs",
    "kernel",
    "doctor",
)

NO_ANSWER = 3  # none of the verdict's


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments and where the right ones are listed."""
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def parser(only: str | None = None) -> Parser:
    """The parser of all commands, or of one: its arguments are what costs time to load."""
    summary, _, epilog = (__doc__ or "").partition("\n\n")
    top = Parser(
        prog="memlab",
        description=summary.removeprefix("memlab: "),
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"memlab {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = import_module(f"memlab.cli.{name}")
        command = described(commands, name, module)
        if only in (None, name):
            module.add_arguments(command)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, which is 1 only where the command says so."""
    prepare()
    try:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        forget()
        return 0
    except Unwritten as error:
        forget()
        with suppress(OSError):
            print(f"memlab: the output cannot be written: {error}", file=sys.stderr)
    except Exception:
        with suppress(OSError):
            print_exc()
    return NO_ANSWER


def _run(arguments: list[str]) -> int:
    arguments = arguments or ["--help"]
    first = arguments[0]
    only = first if first in COMMANDS else None
    if not only and not first.startswith("-"):
        hint = f"{meant(first, COMMANDS)}`memlab --help` lists what there is"
        print("memlab:", Unsupported(f"no command is called {first!r}", hint), file=sys.stderr)
        return 2
    args, others = parser(only).parse_known_args(arguments)
    if others:
        Parser(f"memlab {only}" if only else "memlab").error(
            f"unrecognized arguments: {' '.join(others)}"
        )
    try:
        status: int = import_module(f"memlab.cli.{args.command}").run(args)
        return status
    except MemlabError as error:
        print(f"memlab {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
