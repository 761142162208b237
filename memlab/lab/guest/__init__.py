"""A kernel of our own: a small guest under QEMU, for what a host must not risk.

with memlab.guest() as g:
    g.load("kleak", kmalloc_kb=1024)
    g.sh("cat /proc/meminfo")
    g.samples, g.recording, g.console.text
"""

from __future__ import annotations

from memlab.lab.guest.cache import ready
from memlab.lab.guest.driver import Guest
from memlab.lab.guest.qemu import Machine, program
from memlab.units import MIB

__all__ = ["Guest", "Machine", "guest"]


def guest(
    kernel: str = "quick",
    *,
    memory: int = 192 * MIB,
    cpus: int = 1,
    append: str = "",
    loglevel: int = 4,
) -> Guest:
    """A guest that starts with its `with` block and ends with it.

    kernel: "quick" (Debian's packaged one) or "full" (built here, with kmemleak and page_owner); memory in
    bytes; append: more words for the kernel's command line, as "slub_debug=U"; loglevel: of the console.
    Raises Unsupported in one line where QEMU or the kernel is missing, and says what brings it; fetches nothing.
    """
    program()
    return Guest(ready(kernel), Machine(memory, cpus, tuple(append.split()), loglevel))
