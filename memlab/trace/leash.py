"""A child that cannot outlive its parent or its time: `python leash.py PARENT SECONDS PROGRAM ARGUMENTS…`.

Both bonds survive exec(2): the signal of the parent's death (prctl(2), PR_SET_PDEATHSIG: of the thread that
started it) and the alarm (alarm(2)). A tracer that is killed lets go of what it traces (kernel/ptrace.c,
exit_ptrace), unless it asked for PTRACE_O_EXITKILL.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence


def argv(seconds: float, command: Sequence[str]) -> list[str]:
    """The command, on a leash of this process and of so many seconds."""
    # -I: neither the environment nor the working folder brings modules of its own
    return [
        *(sys.executable, "-I", "-S", __file__),
        *(str(os.getpid()), str(max(1, round(seconds))), *command),
    ]


def main() -> None:
    """Bind, then become the command."""
    parent, seconds, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    if os.getppid() != int(parent):
        sys.exit(0)  # it died before the line above
    signal.alarm(int(seconds))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
