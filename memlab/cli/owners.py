"""Show who holds shared memory: tmpfs files, SysV and POSIX segments, memfds, shared mappings.

Each object stands once, with what it takes and which processes have it open or mapped. What
nobody holds, or only a process that deleted its name, is said. All adds up to meminfo's Shmem;
what does not is shown. As an ordinary user you see the holders among your own processes.
"""

from __future__ import annotations

import argparse

from memlab.cli import _types


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One process, or all."""
    parser.add_argument(
        "pid", metavar="PID", nargs="?", type=_types.pid, help="only what this process holds"
    )
    parser.add_argument(
        "--top", metavar="N", type=_types.count, default=20, help="objects to list (default 20)"
    )


def run(args: argparse.Namespace) -> int:
    """One look at the machine."""
    from memlab.observe.owners import look
    from memlab.present.owners import owners_text
    from memlab.procfs import maps
    from memlab.procfs.host import Host

    host = Host()
    if args.pid is not None:
        maps.read(host, args.pid)  # one clear line where it is gone or another user's
    print(owners_text(look(host), args.pid, args.top))
    return 0
