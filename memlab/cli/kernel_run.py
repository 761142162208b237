"""Boot a guest, run a shell's command in it as root, and print what it says.

memlab kernel run "cat /proc/meminfo; dmesg | tail" ends with the command's own exit status (at most 127).
The guest has busybox, /modules/kleak.ko, and the leakers heap and anonymous.
"""

from __future__ import annotations

import argparse
import sys

from memlab.cli import _types


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command, and the guest."""
    parser.add_argument("shell", metavar="COMMAND", help="for the guest's shell")
    parser.add_argument("--full", action="store_true", help="the kernel with kmemleak")
    parser.add_argument(
        "--memory", metavar="SIZE", type=_types.size, default=None, help="192MiB without it"
    )
    parser.add_argument(
        "--append", metavar="WORDS", default="", help="for the kernel's command line: slub_debug=U"
    )
    parser.add_argument(
        "--record", metavar="OUT", help="keep its /proc, once a second, as a recording"
    )


def run(args: argparse.Namespace) -> int:
    """Boot, run, print."""
    from memlab.lab.guest import guest
    from memlab.observe.files import save_recording
    from memlab.units import MIB

    memory = args.memory or 192 * MIB
    booting = guest("full" if args.full else "quick", memory=memory, append=args.append)
    print("booting: 5 s, a minute where the machine is busy", file=sys.stderr, flush=True)
    with booting as g:
        answer = g.run(args.shell, 3600)
        sys.stdout.write(answer.text)
        if args.record:
            g.next_sample()
            save_recording(g.recording, args.record)
    return min(answer.status, 127)
