"""Open the course in JupyterLab, at its first notebook.

Listens on this machine only, behind a random token, and asks nothing of any other host. From a
checkout the notebooks are opened in place; an installed memlab copies them into ~/memlab-notebooks
and never overwrites what you changed there. Ctrl-C ends it with everything it started.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memlab.lab.jupyter import Address


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to listen, and over which notebooks."""
    parser.add_argument(
        "--port", type=_port, help="default 8888, or the next free one; 0 takes any"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--notebooks", metavar="DIR", help="where your copy of the notebooks is")


def run(args: argparse.Namespace) -> int:
    """Copy what is to be copied, listen, print the address, serve."""
    from memlab.lab.course import first_notebook, open_course
    from memlab.lab.jupyter import Server, has_display, settings

    course = open_course(args.notebooks)
    notebook = first_notebook(course)
    if course.written:
        print(f"copied into {course.folder}: {', '.join(course.written)}")
    if course.kept:
        print(f"left as you changed them: {', '.join(course.kept)}", file=sys.stderr)
    with settings() as kept:
        if not kept:
            print("your home cannot be written: settings end with this run", file=sys.stderr)
        server = Server(course.folder, notebook, args.port, has_display() and not args.no_browser)
        server.run(_announce)
    return 0


def _announce(address: Address) -> None:
    print(f"\n    {address.url}\n")
    print("Open this address in a browser of this machine. Ctrl-C ends it.")
    if os.environ.get("SSH_CONNECTION"):
        forward = f"ssh -L {address.port}:127.0.0.1:{address.port} …"
        print(f"You are logged in by ssh: on your own machine type {forward}, and open it there.")
    sys.stdout.flush()


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to 65535")
    return int(text)
