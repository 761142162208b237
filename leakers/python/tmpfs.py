"""Leaks pages of a tmpfs file that only ever grows.

    process                     tmpfs on /dev/shm
    +------------+   write(2)   +----+----+----+----+ - -
    | descriptor |------------> |    pages of the file    belong to the file, not to the process
    +------------+              +----+----+----+----+ - -

The process's RSS does not move: pages that are written and not mapped are in nobody's smaps.
The machine's Shmem grows, and the pages stay until the file is removed and closed.
--control writes the same and cuts the file back to nothing in the same event.

The file lies in $MEMLAB_TMPFS, which the supervisor makes and removes, or in a folder of its
own under /dev/shm, removed at the end.
"""

import os
import sys
import tempfile

from _harness import KIB, MIB, Leaker, Options, run


def leak(options):
    """Append one chunk."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(file, rest) :]  # leaks here
    if options.control:
        os.ftruncate(file, 0)


def end():
    """A tmpfs file outlives its process, unless somebody removes it."""
    os.unlink(path)
    if "MEMLAB_TMPFS" not in os.environ:
        os.rmdir(folder)


if __name__ == "__main__":
    leaker = Leaker(
        "tmpfs", leak, rate="4MiB/s", chunk=256 * KIB, cap=64 * MIB, basis="resident", end=end
    )
    options = Options(leaker, sys.argv[1:])
    folder = os.environ.get("MEMLAB_TMPFS") or tempfile.mkdtemp(
        prefix="memlab-tmpfs-", dir="/dev/shm"
    )
    path = os.path.join(folder, "leak")
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    chunk = bytes(options.chunk)
    run(leaker, options)
