"""The process between driver and QEMU, so that QEMU ends with its driver, whatever ends that.

Run as a program: `python -I keeper.py DRIVER-PIDFD QEMU…`. It waits for the end of either, and ends the
other's guest. QEMU has PDEATHSIG on the keeper, whose only thread forked it: were both killed at
once, the kernel ends QEMU. (PDEATHSIG on the driver would fire when the thread that forked ends.)
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(driver: int, argv: list[str]) -> int:
    """Start QEMU and keep it as long as the driver lives; returns QEMU's exit status."""
    libc = ctypes.CDLL(None, use_errno=True)
    keeper = os.getpid()
    child = os.fork()
    if child == 0:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:  # it was killed in between
            os._exit(1)
        os.close(driver)
        try:
            os.execv(argv[0], argv)
        except OSError as error:
            print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
        os._exit(127)
    for descriptor in os.listdir("/proc/self/fd"):
        # the channels are the child's: a copy here would keep them open after its end
        if int(descriptor) > 2 and int(descriptor) != driver:
            with suppress(OSError):
                os.close(int(descriptor))
    guest = os.pidfd_open(child)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
    poll = select.poll()
    poll.register(driver, select.POLLIN)
    poll.register(guest, select.POLLIN)
    while not any(descriptor == guest for descriptor, _ in poll.poll()):
        os.kill(child, signal.SIGKILL)
        poll.unregister(driver)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
